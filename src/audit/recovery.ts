import { dayOf } from "../lib/clock.ts";
import { Fatal, exitCodes } from "../lib/errors.ts";
import type { Receipt } from "../wire/dispatch.ts";
import type { FileLock } from "../runtime/types.ts";
import { adviceOn } from "./advice.ts";
import type { FileStart } from "./active-file.ts";
import { ActiveFile } from "./active-file.ts";
import {
  activeName,
  checkFile,
  checkFolder,
  lockLog,
  lockName,
  parentOf,
  pathIn,
  makeFolder,
  survey,
} from "./folder.ts";
import { checkCheckpoint, goneLog, readCheckpoint } from "./head-check.ts";
import type { SigningKey } from "./key.ts";
import { currentKey, dropPendingKey, firstKey } from "./key.ts";
import type { AuditDeps } from "./log.ts";
import type { Draft } from "./record.ts";
import { zeroHash } from "./record.ts";
import { replay } from "./replay.ts";
import { setTornTailAside } from "./torn-tail.ts";
import { Tree } from "./tree.ts";

/**
 * From the folder as it was found to a log that can be written. Nothing is changed before everything has been checked:
 * whoever finds a damaged log finds it as it was.
 */

/** What `AuditLog` starts from. */
export interface Start {
  readonly lock: FileLock;
  readonly file: ActiveFile;
  readonly fileBytes: number;
  readonly logId: string;
  readonly key: SigningKey;
  /** The key still lies at its pending name. */
  readonly keyIsPending: boolean;
  readonly checkpointSize: number;
  readonly tree: Tree;
  readonly head: Receipt;
  /** The first record that is not pruned. */
  readonly firstSeq: number;
  /** The file's first record is still missing. */
  readonly isUnwritten: boolean;
  /** The moment that the file's day was taken from. */
  readonly epochMs: number;
  /** Records to write before anybody else's. */
  readonly drafts: readonly Draft[];
}

/** @throws Fatal with exit code 4 when the log is not what was written, 1 when it can't be used */
export async function recover(deps: AuditDeps): Promise<Start> {
  try {
    return await recoverOnly(deps);
  } catch (error) {
    if (error instanceof Fatal) throw error;
    throw new Fatal(`Cannot open the audit log in ${deps.dir}: ${adviceOn(error)}`);
  }
}

/** One process only: the others are refused here. */
async function recoverOnly(deps: AuditDeps): Promise<Start> {
  const { files, dir, keyFile } = deps;
  makeFolder(files, dir);
  checkFolder(files, dir);
  // The key itself is 0600; whoever could write its folder could put another in its place.
  const keys = parentOf(keyFile);
  if (files.stat(keys)) checkFolder(files, keys, 0o022);
  const lockFile = pathIn(dir, lockName);
  if (files.stat(lockFile)) checkFile(files, lockFile);
  const lock = lockLog(files, lockFile);
  let newest: Newest | undefined;
  try {
    const { closed, active } = survey(files, dir);
    for (const { path } of closed) checkFile(files, path);
    if (active) checkFile(files, pathIn(dir, activeName));
    newest = lockNewest(deps, closed.at(-1)?.path, active);
    const empty = closed.length === 0 && !hasLine(deps);
    return { lock, ...(empty ? await begin(deps, newest) : await resume(deps, newest)) };
  } catch (error) {
    newest?.lock.release();
    lock.release();
    throw error;
  }
}

interface Newest {
  readonly lock: FileLock;
  readonly isActive: boolean;
}

/**
 * The lock file can be removed while somebody writes; the file being written can't, unnoticed. Between the two steps of a
 * rotation that is the newest closed one. A new log has neither.
 */
function lockNewest({ files, dir }: AuditDeps, closed: string | undefined, isActive: boolean): Newest | undefined {
  const path = isActive ? pathIn(dir, activeName) : closed;
  return path === undefined ? undefined : { lock: lockLog(files, path), isActive };
}

/** The active file, locked; when it has yet to be made, what was locked in its stead is let go after that. */
function openActive(
  { files, dir }: AuditDeps,
  start: FileStart,
  bytes: number,
  newest: Newest | undefined,
): ActiveFile {
  if (newest?.isActive) return new ActiveFile(files, dir, start, bytes, newest.lock);
  const file = new ActiveFile(files, dir, start, bytes);
  newest?.lock.release();
  return file;
}

/** Left by an atomic write that a crash cut short; never more than half a checkpoint or fragment. */
function removeTemporaries({ files, dir }: AuditDeps): void {
  for (const name of files.list(dir)) {
    if (/^orchestrator-audit\..+\.tmp$/.test(name)) files.unlink(pathIn(dir, name));
  }
}

function hasLine({ files, dir }: AuditDeps): boolean {
  const path = pathIn(dir, activeName);
  if (!files.stat(path)) return false;
  const file = files.openRead(path);
  try {
    const bytes = new Uint8Array(65_536);
    for (let at = 0, count = 0; (count = file.read(bytes, at)) > 0; at += count) {
      if (bytes.subarray(0, count).includes(10)) return true;
    }
    return false;
  } finally {
    file.close();
  }
}

/** A new log. Before its key has its final name (see key.ts), a crash leaves only what the next start takes up again. */
async function begin(deps: AuditDeps, newest: Newest | undefined): Promise<Omit<Start, "lock">> {
  const { files, dir, keyFile } = deps;
  const gone = goneLog(files, dir, keyFile);
  if (gone) throw new Fatal(`Cannot open the audit log in ${dir}: ${gone.flaw}. ${gone.remedy}`, exitCodes.integrity);
  removeTemporaries(deps);
  const key = await firstKey(files, keyFile);
  const path = pathIn(dir, activeName);
  const torn = files.stat(path)?.bytes ?? 0;
  if (torn > 0) await setTornTailAside(deps, path, { offset: 0, bytes: torn }, 0);
  const epochMs = deps.clock.now();
  return {
    file: openActive(deps, { day: dayOf(epochMs), firstSeq: 0 }, 0, newest),
    fileBytes: 0,
    logId: crypto.getRandomValues(new Uint8Array(16)).toHex(),
    key,
    keyIsPending: true,
    checkpointSize: 0,
    tree: new Tree(deps.sha256),
    head: { seq: -1, hash: zeroHash },
    firstSeq: 0,
    isUnwritten: true,
    epochMs,
    drafts: [],
  };
}

async function resume(deps: AuditDeps, newest: Newest | undefined): Promise<Omit<Start, "lock">> {
  const { files, dir } = deps;
  const note = readCheckpoint(files, dir);
  const found = await replay(deps, note?.size);
  const { chain, active } = found;
  const { key, isPending } = await currentKey(files, deps.keyFile, chain.publicKey);
  await checkCheckpoint(deps, found, note, isPending);
  // Everything holds: only now something is changed.
  removeTemporaries(deps);
  if (!isPending) dropPendingKey(files, deps.keyFile);
  const drafts: Draft[] = [];
  if (active && active.rest.bytes > 0) {
    drafts.push(await setTornTailAside(deps, active.path, active.rest, chain.seq + 1));
  }
  drafts.push({ event: "open", version: deps.version });
  const epochMs = deps.clock.now();
  const start = active?.start ?? { day: dayOf(epochMs), firstSeq: chain.seq + 1 };
  const fileBytes = active ? active.rest.offset : 0;
  return {
    file: openActive(deps, start, fileBytes, newest),
    fileBytes,
    logId: chain.logId,
    key,
    keyIsPending: isPending,
    checkpointSize: note?.size ?? 0,
    tree: chain.tree,
    head: { seq: chain.seq, hash: chain.hash },
    firstSeq: found.firstSeq,
    isUnwritten: active?.start === undefined,
    epochMs,
    drafts,
  };
}
