import { Fatal, exitCodes } from "../lib/errors.ts";
import type { FileError, Files, ReadFile } from "../runtime/types.ts";
import { activeName, pathIn, survey } from "./folder.ts";
import { beginsFile, beginsWithout } from "./first-record.ts";
import type { Flaw, Frame } from "./frame.ts";
import { decodeLine, frameLine, isFlaw } from "./frame.ts";
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

/** All files, oldest first. An active file that does not begin with a whole record is left out. @throws FileError */
export function segments(files: Files, dir: string, sha256: Sha256): Segment[] {
  return list(files, dir, sha256).found;
}

/** The same for readers, who would miss what a damaged active file holds. @throws Fatal (exit code 4), FileError */
export function readableSegments(files: Files, dir: string, sha256: Sha256): Segment[] {
  const { found, flaw } = list(files, dir, sha256);
  if (flaw !== undefined) throw unreadable(pathIn(dir, activeName), flaw);
  return found;
}

/** A damaged line, to whoever only wants to read. */
export function unreadable(path: string, flaw: string): Fatal {
  return new Fatal(`Cannot read the audit log: ${path}: ${flaw}. Run \`roxy-core audit verify\``, exitCodes.integrity);
}

/** @returns with `flaw`, what is wrong with the first line of an active file that was left out */
function list(files: Files, dir: string, sha256: Sha256): { found: Segment[]; flaw?: string } {
  for (let tries = 1; ; tries++) {
    const { closed, active } = survey(files, dir);
    const found: Segment[] = closed.map((file) => ({ ...file, closed: true }));
    const path = pathIn(dir, activeName);
    const isLast = tries === triesMax;
    const head = active && files.stat(path) ? headOr(isLast, () => readHead(files, path, sha256)) : undefined;
    // A rotation between the two looks would show the file after the one that is missing in the list.
    const isSteady = head !== "moved" && survey(files, dir).closed.at(-1)?.name === closed.at(-1)?.name;
    if (!isSteady && !isLast) continue;
    if (head === undefined || head === "moved") return { found };
    if (isFlaw(head)) return { found, flaw: head.flaw };
    const segment = { name: activeName, path, closed: false, firstSeq: head.seq, day: head.timestamp.slice(0, 10) };
    return { found: [...found, segment] };
  }
}

/** What opening says of a file that was renamed, and perhaps replaced, since it was looked at: gone, or not the same. */
const movedCodes: ReadonlySet<unknown> = new Set(["ENOENT", "ELOOP"]);

/** `moved`, when a rotation took the file away: it is looked for again, but for the last time. @throws FileError */
function headOr<T>(isLast: boolean, read: () => T): T | "moved" {
  try {
    return read();
  } catch (error) {
    if (isLast || !movedCodes.has((error as Partial<FileError>).code)) throw error;
    return "moved";
  }
}

export interface OpenSegment {
  readonly segment: Segment;
  readonly file: ReadFile;
}

/**
 * Opens a file of the list, under whatever name it has by now: the server may close it at any moment.
 * @returns undefined when it is there no more
 * @throws FileError
 */
export function openSegment(files: Files, dir: string, sha256: Sha256, listed: Segment): OpenSegment | undefined {
  const { firstSeq } = listed;
  let segment: Segment | undefined = listed;
  for (let tries = 1; segment && tries <= triesMax; tries++) {
    try {
      const file = files.openRead(segment.path);
      // What now has the active file's name may be the one after it.
      if (segment.closed || seqOf(firstLine(file), sha256) === firstSeq) return { segment, file };
      file.close();
    } catch (error) {
      const { code } = error as Partial<FileError>;
      // A link that stays is no rotation.
      if (!movedCodes.has(code) || (code === "ELOOP" && tries === triesMax)) throw error;
    }
    segment = segments(files, dir, sha256).find((each) => each.firstSeq === firstSeq);
  }
  return undefined;
}

/** The first record of a file of the list, under whatever name it has by now. @throws FileError */
export function headOf(files: Files, dir: string, sha256: Sha256, listed: Segment): StoredRecord | Flaw | undefined {
  const opened = openSegment(files, dir, sha256, listed);
  try {
    const line = opened && firstLine(opened.file);
    return line && decodeLine(line, sha256);
  } finally {
    opened?.file.close();
  }
}

function seqOf(line: Uint8Array | undefined, sha256: Sha256): number | undefined {
  const head = line && frameLine(line, sha256);
  return head && !isFlaw(head) ? head.seq : undefined;
}

/**
 * What is wrong with a record's being in this file; undefined when nothing is. Retention takes a file's age from its
 * name, so the name must say what the records say; and each file holds the records of one UTC day.
 * @param isFirst the record is the file's first
 */
export function misplacement(frame: Frame, segment: Omit<Segment, "path">, isFirst: boolean): string | undefined {
  if (isFirst && frame.seq !== segment.firstSeq) return `the file's name says first seq ${segment.firstSeq}`;
  if (isFirst && !beginsFile(frame.event)) return beginsWithout(frame.event);
  if (frame.isOfDay(segment.day)) return undefined;
  const claim = segment.closed ? "the file's name says" : "the file began on";
  return `${claim} ${segment.day}, but the record is of ${frame.timestamp}`;
}

/** The first record of a file; undefined when it has no line yet. @throws FileError */
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

/** As far as any line of ours reaches: a longer one is nobody's, and framing says so. */
function firstLine(file: ReadFile): Uint8Array | undefined {
  for (const room of [guessBytes, lineBytesMax]) {
    const bytes = new Uint8Array(room);
    const used = bytes.subarray(0, file.read(bytes, 0));
    const lf = used.indexOf(10);
    if (lf !== -1) return used.subarray(0, lf);
    if (used.length === lineBytesMax) return used;
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
