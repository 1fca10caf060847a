import { Fatal, exitCodes } from "../lib/errors.ts";
import type { FileFacts, FileLock, Files } from "../runtime/types.ts";

/** The names in the log's folder, and who may touch them. */

export const activeName = "orchestrator-audit.jsonl";
export const checkpointName = "orchestrator-audit.checkpoint";
export const lockName = "orchestrator-audit.lock";
const closedPattern = /^orchestrator-audit-(\d{4}-\d\d-\d\d)\.(0|[1-9]\d{0,15})\.jsonl$/;

/** More files than this is not our folder: 100 years of days, or 90 days of a file every 4 minutes. */
const closedFilesMax = 36_525;

export interface ClosedFile {
  readonly name: string;
  readonly path: string;
  /** UTC day of its records, as its name says. */
  readonly day: string;
  readonly firstSeq: number;
}

export interface Survey {
  /** By first seq, oldest first. */
  readonly closed: readonly ClosedFile[];
  readonly active: boolean;
  readonly checkpoint: boolean;
}

export function pathIn(folder: string, name: string): string {
  return `${folder.replace(/\/+$/, "")}/${name}`;
}

export function closedName(day: string, firstSeq: number): string {
  return `orchestrator-audit-${day}.${firstSeq}.jsonl`;
}

/** Reads the names only. Strangers' files are left alone. @throws FileError */
export function survey(files: Files, folder: string): Survey {
  const names = files.list(folder);
  const closed = names.flatMap((name): ClosedFile[] => {
    const match = closedPattern.exec(name);
    if (!match) return [];
    return [{ name, path: pathIn(folder, name), day: match[1] as string, firstSeq: Number(match[2]) }];
  });
  if (closed.length > closedFilesMax)
    throw new Fatal(`Cannot use ${folder}: it holds ${closed.length} closed log files`);
  closed.sort((a, b) => a.firstSeq - b.firstSeq || (a.name < b.name ? -1 : 1));
  return { closed, active: names.includes(activeName), checkpoint: names.includes(checkpointName) };
}

/**
 * Refuses a symlink, another user's folder, and one that is open to others.
 * @param closed permission bits that nobody else may have
 * @throws Fatal with the path, what is wrong and what to do
 */
export function checkFolder(files: Files, folder: string, closed = 0o077): void {
  const facts = files.stat(folder);
  if (facts?.kind !== "folder")
    throw refused(
      folder,
      `it is a ${facts ? kindNames[facts.kind] : "thing that vanished"}, not a folder`,
      "Move it away, or configure another place",
    );
  refuseStrangersAccess(files, folder, facts, closed);
}

/**
 * Makes a folder and its missing parents, 0700, and makes their names durable: a synced file in a folder that is gone
 * after a power cut is gone, too. If we crash in between, what was made is found and used.
 */
export function makeFolder(files: Files, folder: string): void {
  const missing: string[] = [];
  for (let path = folder; files.stat(path) === undefined && path !== "."; path = parentOf(path)) missing.push(path);
  if (missing.length === 0) return;
  files.makeFolder(folder, 0o700);
  for (const path of missing.toReversed()) files.syncFolder(parentOf(path));
}

export function parentOf(path: string): string {
  const trimmed = path.replace(/\/+$/, "");
  const at = trimmed.lastIndexOf("/");
  if (at === -1) return ".";
  return at === 0 ? "/" : trimmed.slice(0, at);
}

/** Takes the lock on this file for good. @throws Fatal when another process has it */
export function lockLog(files: Files, path: string): FileLock {
  const lock = files.lock(path);
  if (lock) return lock;
  throw new Fatal(
    `Cannot open the audit log in ${parentOf(path)}: another roxy-core process is writing it. Stop that one first`,
  );
}

const kindNames = {
  file: "file",
  folder: "folder",
  symlink: "symlink",
  socket: "socket",
  other: "device or pipe",
} as const;

/** What stands in the place of a plain file, in words; undefined when it is one, or nothing is there. */
export function strangeKind(files: Files, path: string): string | undefined {
  const kind = files.stat(path)?.kind;
  return kind === undefined || kind === "file" ? undefined : `it is a ${kindNames[kind]}, not a plain file`;
}

/** @throws Fatal when the path is a symlink, another user's, or open to others */
export function checkFile(files: Files, path: string): void {
  const facts = files.stat(path);
  if (facts === undefined) throw refused(path, "it is not there", "Restore it from a copy");
  if (facts.kind !== "file")
    throw refused(path, `it is a ${kindNames[facts.kind]}, not a plain file`, "Put the real file in its place");
  refuseStrangersAccess(files, path, facts);
}

function refuseStrangersAccess(files: Files, path: string, facts: FileFacts, closed = 0o077): void {
  const mode = facts.kind === "folder" ? "700" : "600";
  if (facts.owner !== files.user()) {
    throw refused(
      path,
      `it belongs to user ${facts.owner}, but roxy-core runs as user ${files.user()}`,
      "Run roxy-core as its owner",
    );
  }
  if ((facts.mode & closed) === 0) return;
  throw refused(path, `others may use it (mode ${facts.mode.toString(8)})`, `Run: chmod ${mode} '${path}'`);
}

function refused(path: string, why: string, remedy: string): Fatal {
  return new Fatal(`Cannot use ${path}: ${why}. ${remedy}`, exitCodes.failed);
}
