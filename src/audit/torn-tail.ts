import { Fatal, exitCodes } from "../lib/errors.ts";
import type { AuditDeps } from "./log.ts";
import type { Rest } from "./lines.ts";
import type { Draft } from "./record.ts";
import { lineBytesMax } from "./record.ts";
import { withFile } from "./segments.ts";

/** A line without its LF. A write ends somewhere in a line: what is longer was not torn by a crash of ours. */
const fragmentBytesMax = lineBytesMax - 1;

/**
 * Moves the bytes after the last LF to a file beside the log. They were never acknowledged: that comes after fdatasync
 * of the whole line. If we crash after the copy, the next start makes the same copy under the same name; after the cut,
 * the fragment lies beside the log, and only its `recover` record is missing.
 * @returns the record to write about it
 * @throws Fatal (exit code 4) when it is too long to be the rest of one write
 */
export async function setTornTailAside(deps: AuditDeps, path: string, rest: Rest, seq: number): Promise<Draft> {
  if (rest.bytes > fragmentBytesMax) {
    throw new Fatal(
      `Cannot open the audit log: ${path} ends in ${rest.bytes} bytes without a line end, more than a crash can tear`,
      exitCodes.integrity,
    );
  }
  const fragment = new Uint8Array(rest.bytes);
  const count = withFile(deps.files, path, (file) => file.read(fragment, rest.offset));
  if (count !== rest.bytes) throw new Fatal(`Cannot read ${path}: got ${count} of its last ${rest.bytes} bytes`);
  const digest = deps.sha256(fragment);
  const aside = `${path.replace(/\.jsonl$/, "")}.fragment.${seq}.${digest.slice(0, 16)}`;
  deps.files.writeAtomic(aside, fragment, 0o600);
  deps.files.truncate(path, rest.offset);
  deps.log.warn("audit_torn_tail", { path, bytes: rest.bytes, moved_to: aside });
  return {
    event: "recover",
    reason: "torn tail",
    file: aside.slice(aside.lastIndexOf("/") + 1),
    bytes: rest.bytes,
    digest,
  };
}
