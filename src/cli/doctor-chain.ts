import { goneLog, readCheckpoint } from "../audit/head-check.ts";
import { isFlaw } from "../audit/frame.ts";
import { lostKeyRemedy, pendingKeyPath, readPublicKey } from "../audit/key.ts";
import { isSignedBy } from "../audit/note.ts";
import { readableSegments, readLast, segments, withFile } from "../audit/segments.ts";
import { verify } from "../audit/verify.ts";
import type { Config } from "../config/schema.ts";
import { counted } from "../lib/counted.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Files, Runtime } from "../runtime/types.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";

type Audit = Config["audit"];
type Reading = Pick<Runtime, "files" | "sha256">;

const check = "audit chain";
const MiB = 1_048_576;
/** Weeks of records, read and hashed within a second or two. */
const verifiedBytesMax = 64 * MiB;
const look = `${programName} audit verify says where; nothing is lost as long as the files stay as they are`;
/** What a running gateway has and its folder here has not. */
export const otherConfiguration =
  "If the gateway uses another configuration, name it with --config; else stop it and restore the folder";
const heal =
  "Nothing that was answered is lost: the next start moves these bytes to a file beside the log and records it";

/**
 * The chain and the key that it is signed with. Only reads, beside a running gateway too.
 * @param recorded records that a running gateway says it has
 */
export async function chainFindings(
  runtime: Reading,
  audit: Audit,
  recorded = 0,
  bytesMax = verifiedBytesMax,
): Promise<Finding[]> {
  try {
    const [oldest, ...others] = readableSegments(runtime.files, audit.dir, runtime.sha256);
    if (oldest === undefined) return [noRecords(runtime.files, audit, recorded)];
    const ends = { newest: (others.at(-1) ?? oldest).path, firstSeq: oldest.firstSeq };
    return [...lostKey(runtime.files, audit), await chainFinding(runtime, audit, ends, bytesMax)];
  } catch (error) {
    // A file that is written this very moment, or that is not ours to read.
    if (error instanceof Fatal) return [problem(check, messageOf(error), look)];
    return [warning(check, `Cannot be read: ${messageOf(error)}`, look)];
  }
}

/** A log that was never begun, or one that is gone: in the words of the start, which ends because of it. */
function noRecords(files: Files, { dir, checkpoint_key_file: keyFile }: Audit, recorded: number): Finding {
  const gone = goneLog(files, dir, keyFile);
  if (gone) return problem(check, `In ${dir} ${gone.flaw}; the gateway does not start`, gone.remedy);
  if (recorded === 0) return well(check, "There are no records yet");
  const detail = `There are no records in ${dir}, but the running gateway has ${counted(recorded, "record")}`;
  return problem(check, detail, otherConfiguration);
}

/** In the words of a start that ends because of it. */
function lostKey(files: Files, { checkpoint_key_file: path }: Audit): Finding[] {
  if (files.stat(path) ?? files.stat(pendingKeyPath(path))) return [];
  const detail = `${path} is missing, and the log can't be signed without it: the gateway does not start`;
  return [problem("signing key", detail, lostKeyRemedy)];
}

/** The newest record and the newest checkpoint; and all between, where that takes no longer than the other checks. */
async function chainFinding(
  runtime: Reading,
  audit: Audit,
  { newest, firstSeq }: { readonly newest: string; readonly firstSeq: number },
  bytesMax: number,
): Promise<Finding> {
  const { files, sha256 } = runtime;
  const last = readLast(files, newest, sha256);
  if (last === undefined) {
    return (await faultIn(runtime, audit.dir)) ?? problem(check, `${newest} holds no record`, look);
  }
  if (isFlaw(last)) {
    if (isTorn(files, newest)) return tornFinding(runtime, audit, newest, bytesMax);
    return problem(check, `The newest line is not a record: ${last.flaw}`, look);
  }
  const checkpoint = readCheckpoint(files, audit.dir);
  const isFirstStart = last.seq === 0 && !files.stat(audit.checkpoint_key_file);
  if (!checkpoint && isFirstStart)
    return warning(check, "The very first start was cut short", "The next one finishes it");
  if (!checkpoint) return problem(check, `There is no checkpoint beside ${counted(last.seq + 1, "record")}`, look);
  if (checkpoint.size > last.seq + 1) {
    const covered = `The checkpoint covers ${counted(checkpoint.size, "record")}`;
    return problem(check, `${covered}, but the log ends at ${last.seq + 1}`, look);
  }
  const key = files.stat(audit.checkpoint_key_file) && (await readPublicKey(files, audit.checkpoint_key_file));
  if (key !== undefined && !(await isSignedBy(checkpoint, key, sha256))) {
    return problem(check, "The checkpoint is not signed by the key of audit.checkpoint_key_file", look);
  }
  const ends = `${counted(last.seq + 1 - firstSeq, "record")}, the first ${Math.max(0, checkpoint.size - firstSeq)} signed`;
  if (logBytes(runtime, audit.dir) > bytesMax) {
    const unseen = `more than ${Math.floor(bytesMax / MiB)} MiB, so the middle was not looked at`;
    return well(check, `${ends}; the ends fit. It is ${unseen}: ${programName} audit verify`);
  }
  return (await faultIn(runtime, audit.dir)) ?? well(check, `${ends}; each of them fits`);
}

/** What a crash in the middle of a write leaves, and what a write that is going on looks like. */
async function tornFinding(runtime: Reading, { dir }: Audit, newest: string, bytesMax: number): Promise<Finding> {
  const torn = `${newest} ends without a line end: a write that is going on, or one that a crash has torn`;
  if (logBytes(runtime, dir) > bytesMax) {
    return warning(check, `${torn}. The rest was not looked at: ${programName} audit verify`, heal);
  }
  return (await faultIn(runtime, dir)) ?? warning(check, `${torn}. All before it fits`, heal);
}

function isTorn(files: Files, path: string): boolean {
  return withFile(files, path, (file) => {
    const end = new Uint8Array(1);
    return file.read(end, file.stat().bytes - 1) === 1 && end[0] !== 10;
  });
}

async function faultIn({ files, sha256 }: Reading, dir: string): Promise<Finding | undefined> {
  const { ok, fault } = await verify({ files, sha256, dir });
  if (ok) return undefined;
  const line = fault?.line === undefined ? "" : `:${fault.line}`;
  return problem(check, `${fault?.file ?? dir}${line}: ${fault?.what ?? "It does not fit"}`, look);
}

function logBytes({ files, sha256 }: Reading, dir: string): number {
  return segments(files, dir, sha256).reduce((sum, { path }) => sum + (files.stat(path)?.bytes ?? 0), 0);
}
