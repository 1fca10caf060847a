import { readCheckpoint } from "../audit/head-check.ts";
import { activeName, parentOf, pathIn } from "../audit/folder.ts";
import { isFlaw } from "../audit/frame.ts";
import { readPublicKey } from "../audit/key.ts";
import { isSignedBy } from "../audit/note.ts";
import { readLast, segments } from "../audit/segments.ts";
import type { Config } from "../config/schema.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Files, Runtime } from "../runtime/types.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";

const MiB = 1_048_576;
/** Room for months at the default limits: a warning in time, not at the last moment. */
const comfortableFactor = 4;

/** The audit folder, the room around it, and the two ends of the chain. Only reads, beside a running gateway too. */
export async function auditFindings(runtime: Runtime, { audit }: Config, isRunning: boolean): Promise<Finding[]> {
  const { files } = runtime;
  const folder = folderFindings(files, audit.dir, isRunning);
  const key = keyFindings(files, audit.checkpoint_key_file);
  const space = spaceFinding(files, audit);
  const isThere = files.stat(audit.dir)?.kind === "folder";
  return [...folder, ...key, space, ...(isThere ? [await chainFinding(runtime, audit)] : [])];
}

function folderFindings(files: Files, dir: string, isRunning: boolean): Finding[] {
  const facts = files.stat(dir);
  if (facts === undefined) {
    if (!isRunning) return [well("audit folder", `${dir} is not there yet: the first start makes it`)];
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

function keyFindings(files: Files, path: string): Finding[] {
  return files.stat(path) === undefined ? [] : accessFindings(files, "signing key", path, "600");
}

/** The rules that the gateway starts by: ours, and nobody else's to use. */
function accessFindings(files: Files, check: string, path: string, mode: string): Finding[] {
  const facts = files.stat(path);
  if (facts === undefined) return [];
  if (facts.owner !== files.user()) {
    const detail = `${path} belongs to user ${facts.owner}, but this is user ${files.user()}`;
    return [problem(check, detail, "Run the gateway, and this, as its owner; or chown it")];
  }
  if ((facts.mode & 0o077) === 0) return [];
  return [problem(check, `Others may use ${path} (mode ${facts.mode.toString(8)})`, `chmod ${mode} '${path}'`)];
}

function spaceFinding(files: Files, { dir, disk_reserve_mb: reserveMb }: Config["audit"]): Finding {
  let existing = dir;
  while (files.stat(existing) === undefined && existing !== parentOf(existing)) existing = parentOf(existing);
  const freeMb = Math.floor(files.freeBytes(existing) / MiB);
  const detail = `${freeMb} MiB are free for ${dir}`;
  const fix = "Make room on that disk, or move audit.dir to another; old days may be copied away, then pruned";
  if (freeMb < reserveMb) {
    return problem("disk", `${detail}, less than audit.disk_reserve_mb (${reserveMb}): dispatches are refused`, fix);
  }
  return freeMb < reserveMb * comfortableFactor ? warning("disk", detail, fix) : well("disk", detail);
}

/** Light: the newest record and the newest checkpoint. A change in the middle is for `audit verify` to find. */
async function chainFinding({ files, sha256 }: Runtime, audit: Config["audit"]): Promise<Finding> {
  const check = "audit chain";
  const verify = `${programName} audit verify says where; nothing is lost as long as the files stay as they are`;
  try {
    const newest = segments(files, audit.dir, sha256).at(-1);
    if (!newest) return well(check, "There are no records yet");
    const last = readLast(files, newest.path, sha256);
    if (last === undefined) return well(check, "There are no records yet");
    if (isFlaw(last)) return problem(check, `The newest line is not a record: ${last.flaw}`, verify);
    const checkpoint = readCheckpoint(files, audit.dir);
    if (!checkpoint) return problem(check, `There is no checkpoint beside ${last.seq + 1} records`, verify);
    if (checkpoint.size > last.seq + 1) {
      return problem(
        check,
        `The checkpoint covers ${checkpoint.size} records, but the log ends at ${last.seq + 1}`,
        verify,
      );
    }
    const key = await readPublicKey(files, audit.checkpoint_key_file);
    if (!(await isSignedBy(checkpoint, key, sha256))) {
      return problem(check, "The checkpoint is not signed by the key of audit.checkpoint_key_file", verify);
    }
    return well(
      check,
      `${last.seq + 1} records, the first ${checkpoint.size} signed; audit verify checks each of them`,
    );
  } catch (error) {
    // A file that is written this very moment, or that is not ours to read.
    const isOurs = error instanceof Fatal;
    return isOurs
      ? problem(check, messageOf(error), verify)
      : warning(check, `Cannot be read: ${messageOf(error)}`, verify);
  }
}
