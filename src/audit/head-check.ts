import { counted } from "../lib/counted.ts";
import { Fatal, exitCodes } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import { checkFile, checkpointName, pathIn } from "./folder.ts";
import { isFlaw } from "./frame.ts";
import type { AuditDeps } from "./log.ts";
import { isSignedByBoth, isSignedInForce } from "./key-in-force.ts";
import type { SignedCheckpoint } from "./note.ts";
import { readNoteFile } from "./note-file.ts";
import { originOf } from "./note.ts";
import type { Replayed } from "./replay.ts";

/** The newest checkpoint against what was read at start: this is how a cut tail shows. */

/** The checkpoint beside the log; undefined when there is none. @throws Fatal (exit code 4) when it can't be one */
export function readCheckpoint(files: Files, dir: string): SignedCheckpoint | undefined {
  const path = pathIn(dir, checkpointName);
  if (files.stat(path)) checkFile(files, path);
  const found = readNoteFile(files, dir);
  if (found && isFlaw(found)) throw broken(path, found.flaw);
  return found?.note;
}

/**
 * Where no record is left: what says that there was one, and what to do then; undefined of a log that was never begun.
 * The key's final name says that a log was kept (see key.ts).
 */
export function goneLog(files: Files, dir: string, keyFile: string): { flaw: string; remedy: string } | undefined {
  const hasCheckpoint = files.stat(pathIn(dir, checkpointName)) !== undefined;
  if (!hasCheckpoint && !files.stat(keyFile)) return undefined;
  const witness = hasCheckpoint ? "its checkpoint is still there" : `its key ${keyFile} exists`;
  const remedy = "Restore the log from a copy; to begin a new one, move the checkpoint and the key away";
  return { flaw: `the log is gone, but ${witness}`, remedy };
}

/**
 * @param keyIsPending the key has not got its final name: the very first start was cut short, and a log of one record
 *   without a checkpoint is all that it left
 * @throws Fatal with exit code 4
 */
export async function checkCheckpoint(
  deps: AuditDeps,
  { chain, keys, rootAtCheckpoint }: Replayed,
  note: SignedCheckpoint | undefined,
  keyIsPending: boolean,
): Promise<void> {
  const path = pathIn(deps.dir, checkpointName);
  for (const change of chain.keyChanges) {
    if (!(await isSignedByBoth(change)))
      throw broken(deps.dir, `the key record with seq ${change.seq} is not signed by both keys for this place`);
  }
  if (!note) {
    if (keyIsPending && chain.seq === 0) return;
    throw broken(path, "it is missing, though the log has had one", "Restore it; the journal holds its text, too");
  }
  if (note.origin !== originOf(chain.logId)) throw broken(path, `it belongs to another log, ${note.origin}`);
  if (!(await isSignedInForce(note, chain.keyChanges, keys, deps.sha256))) {
    throw broken(path, "its signature is not by the log's key of that time");
  }
  if (note.size > chain.seq + 1) {
    throw broken(
      path,
      `it covers ${counted(note.size, "record")}, but the log holds only ${chain.seq + 1}: the end was cut off`,
    );
  }
  if (rootAtCheckpoint !== note.root)
    throw broken(path, "its tree is not the tree of these records: they were changed");
}

function broken(
  path: string,
  flaw: string,
  remedy = "Run `roxy-core audit verify`, and restore the log from a copy",
): Fatal {
  return new Fatal(`Cannot open the audit log: ${path}: ${flaw}. Nothing was changed. ${remedy}`, exitCodes.integrity);
}
