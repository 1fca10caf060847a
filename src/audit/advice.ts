import { Fatal, Problem, exitCodes, messageOf } from "../lib/errors.ts";
import type { FileError } from "../runtime/types.ts";

/** What to do about what the file system says no to. */
const remedies: Readonly<Record<string, string>> = {
  ENOSPC: "Make room on that disk",
  EDQUOT: "Make room, or have the quota raised",
  EFBIG: "Have the limit on the size of files raised",
  EROFS: "Make it writable again, or set audit.dir to another place",
  EACCES: "Run roxy-core as the owner of these files",
  EPERM: "Run roxy-core as the owner of these files",
  ENOTDIR: "Set audit.dir to a place where a folder can be",
  EIO: "The disk is failing: copy the log away before anything else",
  EMFILE: "Have the limit on open files raised",
};

export function isFileError(error: unknown): error is FileError {
  return error instanceof Error && typeof (error as Partial<FileError>).code === "string";
}

/** The words of anything thrown, and for the file system's what to do. */
export function adviceOn(error: unknown): string {
  const remedy = isFileError(error) ? remedies[error.code] : undefined;
  return remedy === undefined ? messageOf(error) : `${messageOf(error)}. ${remedy}`;
}

/** The end of a log that was being written. */
export function cannotWrite(path: string, error: unknown): Fatal {
  const exitCode = error instanceof Fatal ? error.exitCode : exitCodes.failed;
  return new Fatal(`Cannot write the audit log ${path}: ${adviceOn(error)}`, exitCode);
}

/** What a caller is told whose record is not known to be durable. */
export function unavailable(why: string): Problem {
  return new Problem("audit_unavailable", `Cannot write the audit log: ${why}; nothing was executed by this request`);
}
