import type { Files, ReadFile } from "../runtime/types.ts";
import { activeName, pathIn, survey } from "./folder.ts";
import type { Flaw } from "./frame.ts";
import { decodeLine } from "./frame.ts";
import type { Sha256, StoredRecord } from "./record.ts";
import { lineBytesMax } from "./record.ts";

/** The log's files as a reader finds them: in order, beside a server that may rotate or prune meanwhile. */

export interface Segment {
  readonly name: string;
  readonly path: string;
  readonly closed: boolean;
  readonly firstSeq: number;
  /** UTC day of its records. */
  readonly day: string;
}

/** A first guess at a line's length; nearly all are shorter, and a longer one is read again. */
const guessBytes = 16_384;
/** A rotation between listing and opening is seen at most once a try. */
const triesMax = 5;

/** All files, oldest first. An active file without a complete record is left out. */
export function segments(files: Files, dir: string, sha256: Sha256): Segment[] {
  for (let tries = 1; ; tries++) {
    const { closed, active } = survey(files, dir);
    const found: Segment[] = closed.map((file) => ({ ...file, closed: true }));
    const path = pathIn(dir, activeName);
    const head = active && files.stat(path) ? readHead(files, path, sha256) : undefined;
    if (head === undefined || "flaw" in head) return found;
    const moved = found.some((segment) => segment.firstSeq === head.seq);
    if (moved && tries < triesMax) continue;
    const segment = { name: activeName, path, closed: false, firstSeq: head.seq, day: head.timestamp.slice(0, 10) };
    return [...found, segment];
  }
}

/** The first record of a file; undefined when it has no complete line. @throws FileError */
export function readHead(files: Files, path: string, sha256: Sha256): StoredRecord | Flaw | undefined {
  const line = withFile(files, path, firstLine);
  return line && decodeLine(line, sha256);
}

/** The last record of a file, which must end in LF. @throws FileError */
export function readLast(files: Files, path: string, sha256: Sha256): StoredRecord | Flaw | undefined {
  const line = withFile(files, path, lastLine);
  return line && decodeLine(line, sha256);
}

export function withFile<T>(files: Files, path: string, use: (file: ReadFile) => T): T {
  const file = files.openRead(path);
  try {
    return use(file);
  } finally {
    file.close();
  }
}

function firstLine(file: ReadFile): Uint8Array | undefined {
  for (const room of [guessBytes, lineBytesMax]) {
    const bytes = new Uint8Array(room);
    const used = bytes.subarray(0, file.read(bytes, 0));
    const lf = used.indexOf(10);
    if (lf !== -1) return used.subarray(0, lf);
  }
  return undefined;
}

/** What stands between the last two LFs; of a file that does not end in LF, what stands after the last one. */
function lastLine(file: ReadFile): Uint8Array | undefined {
  const { bytes: size } = file.stat();
  for (const room of [guessBytes, lineBytesMax + 1]) {
    const from = Math.max(0, size - room);
    const bytes = new Uint8Array(size - from);
    const used = bytes.subarray(0, file.read(bytes, from));
    const end = used.at(-1) === 10 ? used.length - 1 : used.length;
    const before = end > 0 ? used.lastIndexOf(10, end - 1) : -1;
    if (before !== -1 || from === 0) return end === 0 ? undefined : used.subarray(before + 1, end);
  }
  return undefined;
}
