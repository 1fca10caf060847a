import { counted } from "../lib/counted.ts";
import { readCheckpoint } from "../audit/head-check.ts";
import { activeName, parentOf, pathIn } from "../audit/folder.ts";
import { isFlaw } from "../audit/frame.ts";
import { readPublicKey } from "../audit/key.ts";
import { isSignedBy } from "../audit/note.ts";
import { readLast, segments } from "../audit/segments.ts";
import type { Config } from "../config/schema.ts";
import { verify as verifyLog } from "../audit/verify.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { FileFacts, Files, Runtime } from "../runtime/types.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";

const MiB = 1_048_576;
/** Weeks of records, read and hashed within a second or two. */
const verifiedBytesMax = 64 * MiB;
/** Room for months at the default limits: a warning in time, not at the last moment. */
const comfortableFactor = 4;

/** The audit folder, the room around it, and the chain. Only reads, beside a running gateway too. */
export async function auditFindings(
  runtime: Runtime,
  { audit }: Pick<Config, "audit">,
  isRunning: boolean,
  bytesMax = verifiedBytesMax,
): Promise<Finding[]> {
  const { files } = runtime;
  const folder = folderFindings(files, audit.dir, isRunning);
  const key = keyFindings(files, audit.checkpoint_key_file);
  const space = spaceFinding(files, audit);
  const isThere = factsOf(files, audit.dir)?.kind === "folder";
  return [...folder, ...key, space, ...(isThere ? [await chainFinding(runtime, audit, bytesMax)] : [])];
}

function folderFindings(files: Files, dir: string, isRunning: boolean): Finding[] {
  const facts = factsOf(files, dir);
  if (facts === undefined) {
    if (!isRunning) return [plannedFinding(files, dir)];
    const fix = "If the gateway uses another configuration, name it with --config; else stop it and restore the folder";
    return [problem("audit folder", `${dir} is not there, though a gateway is running`, fix)];
  }
  if (facts.kind !== "folder") {
    return [problem("audit folder", `${dir} is a ${facts.kind}, not a folder`, "Move it away, or set audit.dir")];
  }
  const active = pathIn(dir, activeName);
  const wrong = [
    ...accessFindings(files, "audit folder", dir, "700"),
    ...accessFindings(files, "audit folder", active, "600"),
  ];
  return wrong.length > 0 ? wrong : [well("audit folder", `${dir} is ours alone`)];
}

/** Whether the first start can make the folder: it makes all that is missing on the way. */
function plannedFinding(files: Files, dir: string): Finding {
  const parent = nearestExisting(files, dir);
  const facts = factsOf(files, parent);
  if (facts && facts.kind !== "folder" && facts.kind !== "symlink") {
    const detail = `${dir} can't be made: ${parent} is a ${facts.kind}, not a folder`;
    return problem("audit folder", detail, "Move it away, or set audit.dir or ROXY_ROOT to another place");
  }
  if (facts && !mayWrite(facts, files.user())) {
    const detail = `${dir} is not there, and user ${files.user()} may not make it in ${parent}`;
    return problem("audit folder", detail, "Make it as root and chown it, or set audit.dir or ROXY_ROOT elsewhere");
  }
  return well("audit folder", `${dir} is not there yet: the first start makes it`);
}

/** By the permission bits. Which groups we are in is not known here: a group that may write counts as ours. */
function mayWrite({ kind, mode, owner }: FileFacts, user: number): boolean {
  if (user === 0 || kind === "symlink") return true;
  if (owner === user) return (mode & 0o300) === 0o300;
  return (mode & 0o003) === 0o003 || (mode & 0o030) === 0o030;
}

/** What can't be looked at because of what stands on the way is not there for us; what stands there is found next. */
function factsOf(files: Files, path: string): FileFacts | undefined {
  try {
    return files.stat(path);
  } catch {
    return undefined;
  }
}

function nearestExisting(files: Files, path: string): string {
  let existing = path;
  while (factsOf(files, existing) === undefined && existing !== parentOf(existing)) existing = parentOf(existing);
  return existing;
}

function keyFindings(files: Files, path: string): Finding[] {
  return factsOf(files, path) === undefined ? [] : accessFindings(files, "signing key", path, "600");
}

/** The rules that the gateway starts by: ours, and nobody else's to use. */
function accessFindings(files: Files, check: string, path: string, mode: string): Finding[] {
  const facts = factsOf(files, path);
  if (facts === undefined) return [];
  if (facts.kind === "symlink") {
    // Its bits mean nothing, and a chmod would go to what it points to.
    return [problem(check, `${path} is a symbolic link`, "Move it away, and put what it points to in its place")];
  }
  if (facts.owner !== files.user()) {
    const detail = `${path} belongs to user ${facts.owner}, but this is user ${files.user()}`;
    return [problem(check, detail, "Run the gateway, and this, as its owner; or chown it")];
  }
  if ((facts.mode & 0o077) === 0) return [];
  return [
    problem(check, `Others may use ${path} (mode ${facts.mode.toString(8)})`, `chmod ${mode} ${shellQuoted(path)}`),
  ];
}

function shellQuoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

function spaceFinding(files: Files, { dir, disk_reserve_mb: reserveMb }: Config["audit"]): Finding {
  const freeMb = Math.floor(files.freeBytes(nearestExisting(files, dir)) / MiB);
  const detail = `${freeMb} MiB are free for ${dir}`;
  const fix = "Make room on that disk, or move audit.dir to another; old days may be copied away, then pruned";
  if (freeMb < reserveMb) {
    return problem("disk", `${detail}, less than audit.disk_reserve_mb (${reserveMb}): dispatches are refused`, fix);
  }
  return freeMb < reserveMb * comfortableFactor ? warning("disk", detail, fix) : well("disk", detail);
}

/** The newest record and the newest checkpoint; and all between, where that takes no longer than the other checks. */
async function chainFinding({ files, sha256 }: Runtime, audit: Config["audit"], bytesMax: number): Promise<Finding> {
  const check = "audit chain";
  const verify = `${programName} audit verify says where; nothing is lost as long as the files stay as they are`;
  try {
    const newest = segments(files, audit.dir, sha256).at(-1);
    if (!newest) return well(check, "There are no records yet");
    const last = readLast(files, newest.path, sha256);
    if (last === undefined) return well(check, "There are no records yet");
    if (isFlaw(last)) return problem(check, `The newest line is not a record: ${last.flaw}`, verify);
    const checkpoint = readCheckpoint(files, audit.dir);
    if (!checkpoint) return problem(check, `There is no checkpoint beside ${counted(last.seq + 1, "record")}`, verify);
    if (checkpoint.size > last.seq + 1) {
      return problem(
        check,
        `The checkpoint covers ${counted(checkpoint.size, "record")}, but the log ends at ${last.seq + 1}`,
        verify,
      );
    }
    const key = await readPublicKey(files, audit.checkpoint_key_file);
    if (!(await isSignedBy(checkpoint, key, sha256))) {
      return problem(check, "The checkpoint is not signed by the key of audit.checkpoint_key_file", verify);
    }
    const ends = `${counted(last.seq + 1, "record")}, the first ${checkpoint.size} signed`;
    if (logBytes({ files, sha256 }, audit.dir) > bytesMax) {
      const unseen = `more than ${Math.floor(bytesMax / MiB)} MiB, so the middle was not looked at`;
      return well(check, `${ends}; the ends fit. It is ${unseen}: ${programName} audit verify`);
    }
    const { ok, fault } = await verifyLog({ files, sha256, dir: audit.dir });
    if (ok) return well(check, `${ends}; each of them fits`);
    const line = fault?.line === undefined ? "" : `:${fault.line}`;
    return problem(check, `${fault?.file ?? audit.dir}${line}: ${fault?.what ?? "It does not fit"}`, verify);
  } catch (error) {
    // A file that is written this very moment, or that is not ours to read.
    const isOurs = error instanceof Fatal;
    return isOurs
      ? problem(check, messageOf(error), verify)
      : warning(check, `Cannot be read: ${messageOf(error)}`, verify);
  }
}

function logBytes({ files, sha256 }: Pick<Runtime, "files" | "sha256">, dir: string): number {
  return segments(files, dir, sha256).reduce((sum, { path }) => sum + (factsOf(files, path)?.bytes ?? 0), 0);
}
