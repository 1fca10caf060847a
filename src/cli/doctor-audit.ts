import { activeName, parentOf, pathIn } from "../audit/folder.ts";
import { goneLog } from "../audit/head-check.ts";
import type { Config } from "../config/schema.ts";
import type { FileFacts, Files, Runtime } from "../runtime/types.ts";
import { chainFindings, otherConfiguration } from "./doctor-chain.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";

const MiB = 1_048_576;
/** Room for months at the default limits: a warning in time, not at the last moment. */
const comfortableFactor = 4;

export interface RunningGateway {
  /** As many as it says it has; undefined where it does not say. */
  readonly records: number | undefined;
}

/** The audit folder, the room around it, and the chain. Only reads, beside a running gateway too. */
export async function auditFindings(
  runtime: Runtime,
  { audit }: Pick<Config, "audit">,
  running: RunningGateway | undefined,
  bytesMax?: number,
): Promise<Finding[]> {
  const { files } = runtime;
  const folder = folderFindings(files, audit, running !== undefined);
  const key = keyFindings(files, audit.checkpoint_key_file);
  const space = spaceFinding(files, audit);
  const isThere = factsOf(files, audit.dir)?.kind === "folder";
  return [
    ...folder,
    ...key,
    space,
    ...(isThere ? await chainFindings(runtime, audit, running?.records, bytesMax) : []),
  ];
}

function folderFindings(files: Files, audit: Config["audit"], isRunning: boolean): Finding[] {
  const { dir } = audit;
  const facts = factsOf(files, dir);
  if (facts === undefined) {
    if (!isRunning) return [plannedFinding(files, audit)];
    return [problem("audit folder", `${dir} is not there, though a gateway is running`, otherConfiguration)];
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
function plannedFinding(files: Files, { dir, checkpoint_key_file: keyFile }: Config["audit"]): Finding {
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
  const gone = factsOf(files, keyFile) && goneLog(files, dir, keyFile);
  if (gone)
    return problem("audit folder", `${dir} is not there: ${gone.flaw}; the gateway does not start`, gone.remedy);
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
