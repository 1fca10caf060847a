import { counted } from "../lib/counted.ts";
import { adviceOn, isFileError } from "../audit/advice.ts";
import { readPublicKey } from "../audit/key.ts";
import type { VerifyResult } from "../audit/verify.ts";
import { verify } from "../audit/verify.ts";
import { loadConfig } from "../config/load.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import {
  checkConsistencyCommand,
  proveConsistencyCommand,
  runCheckConsistency,
  runProveConsistency,
} from "./audit-consistency.ts";
import { exportCommand, runExport } from "./audit-export.ts";
import { checkReadable, runShow, runTail, showCommand, tailCommand } from "./audit-read.ts";
import { checkProofCommand, proveCommand, runCheckProof, runProve } from "./audit-prove.ts";
import { rotateKeyCommand, runRotateKey } from "./audit-key.ts";
import { readCheckpointFile } from "./checkpoint-file.ts";
import { configInput } from "./config.ts";
import type { Group } from "./group.ts";
import { runGroup } from "./group.ts";
import type { CommandSpec, Given } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions } from "./options.ts";
import { printableJsonLines, printableLines } from "./printable.ts";

/** All but `audit rotate-key` only read, and run beside a live server. */

const verifyCommand = {
  name: "audit verify",
  summary: "Prove that nobody edited the audit log, or say where; exit code 4 when somebody did",
  usage: "[DIR] [options]",
  positionals: ["[DIR]"],
  options: [
    {
      name: "key",
      value: "FILE",
      summary: "Key that must have signed it (PEM, or base64); default: the configured one",
    },
    { name: "checkpoint", value: "FILE", summary: "A checkpoint kept elsewhere, such as in the journal" },
    { name: "json", summary: "Print JSON" },
    ...settingOptions,
  ],
  examples: [`${programName} audit verify`, `${programName} audit verify /mnt/copy/logs --key audit.pub --json`],
} as const satisfies CommandSpec;

export const auditGroup: Group = {
  name: "audit",
  summary: "Verify, read or prove the audit log",
  members: [
    { spec: verifyCommand, run: runVerify },
    { spec: tailCommand, run: runTail },
    { spec: showCommand, run: runShow },
    { spec: exportCommand, run: runExport },
    { spec: proveCommand, run: runProve },
    { spec: checkProofCommand, run: runCheckProof },
    { spec: proveConsistencyCommand, run: runProveConsistency },
    { spec: checkConsistencyCommand, run: runCheckConsistency },
    { spec: rotateKeyCommand, run: runRotateKey },
  ],
};

/**
 * @returns the exit code: 4 when the log or a proof does not hold
 * @throws Fatal for bad usage (2), or what can't be read (1, or 4 at a damaged line)
 */
export async function runAudit(runtime: Runtime, argv: readonly string[]): Promise<number> {
  try {
    return await runGroup(runtime, auditGroup, argv);
  } catch (error) {
    throw isFileError(error) ? new Fatal(`Cannot read the audit log: ${adviceOn(error)}`) : error;
  }
}

async function runVerify(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(verifyCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(verifyCommand));
    return exitCodes.done;
  }
  const [given] = options.positionals;
  const { dir, keyFile } = whatToVerify(runtime, given, options.value("key"), options.given);
  // With its key still there, a folder that is gone is a log that is gone.
  checkReadable(runtime.files, dir, keyFile === undefined ? exitCodes.failed : exitCodes.integrity);
  const checkpointFile = options.value("checkpoint");
  const json = options.has("json");
  const { files, sha256 } = runtime;
  const publicKey = keyFile === undefined ? undefined : await readPublicKey(files, keyFile);
  const checkpoint =
    checkpointFile === undefined
      ? undefined
      : readCheckpointFile(verifyCommand, files, "--checkpoint", checkpointFile).text;
  const result = await withBar(runtime, !json, (onProgress) =>
    verify({
      files,
      sha256,
      dir,
      ...(publicKey !== undefined && { publicKey }),
      ...(checkpoint !== undefined && { checkpoint }),
      onProgress,
    }),
  );
  const text = json ? printableJsonLines(JSON.stringify(result, null, 2)) : printableLines(verdictText(result, dir));
  runtime.process.stdout(`${text}\n`);
  if (result.fault?.foreignVersion) return exitCodes.failed;
  return result.ok ? exitCodes.done : exitCodes.integrity;
}

/** The configured key belongs to the configured folder; a copy elsewhere is judged by `--key` or by its own word. */
function whatToVerify(
  runtime: Runtime,
  given: string | undefined,
  key: string | undefined,
  options: readonly Given[],
): { dir: string; keyFile: string | undefined } {
  if (given !== undefined && key !== undefined) return { dir: given, keyFile: key };
  const { audit } = loadConfig(configInput(runtime, configArgs(verifyCommand, options))).config;
  const isOurs = given === undefined || given.replace(/\/+$/, "") === audit.dir.replace(/\/+$/, "");
  const configured = isOurs && runtime.files.stat(audit.checkpoint_key_file) ? audit.checkpoint_key_file : undefined;
  return { dir: given ?? audit.dir, keyFile: key ?? configured };
}

function verdictText(result: VerifyResult, dir: string): string {
  const lines = result.warnings.map((warning) => `Warning: ${warning}`);
  const { fault, head, firstSeq = 0, checkpointSize } = result;
  if (fault) {
    const line = fault.line === undefined ? "" : ` line ${fault.line}`;
    const seq = fault.seq === undefined ? "" : ` (seq ${fault.seq})`;
    const verdict = fault.foreignVersion ? "CANNOT VERIFY" : "NOT INTACT";
    const remedy = fault.foreignVersion ? ". Run the version of roxy-core that wrote it" : "";
    lines.push(`${verdict}: ${fault.file}${line}${seq}: ${fault.what}${remedy}`);
    return lines.join("\n");
  }
  const from = firstSeq > 0 ? `, verified from seq ${firstSeq} (older records were pruned, which is recorded)` : "";
  lines.push(`Intact: ${counted(result.records, "record")} in ${counted(result.files, "file")} in ${dir}${from}`);
  if (head) lines.push(`Head: seq ${head.seq}, hash ${head.hash}`);
  const uncovered = (head?.seq ?? -1) + 1 - (checkpointSize ?? 0);
  const chainedOnly =
    uncovered > 0 ? `; ${uncovered} newer ${uncovered === 1 ? "one is" : "ones are"} chained only` : "";
  lines.push(`Signed: the first ${counted(checkpointSize ?? 0, "record")}${chainedOnly}`);
  lines.push(`Key: ${result.publicKey} (${trustIn(result)})`);
  return lines.join("\n");
}

function trustIn({ keyIsPinned, keyChanges }: VerifyResult): string {
  if (!keyIsPinned) return "its own word for it: the key is not pinned, give --key to pin it";
  if (keyChanges === undefined || keyChanges === 0) return "the given key";
  return `it follows from the given key by ${counted(keyChanges, "signed change")}`;
}

/** On a terminal, on a line of standard error that is gone again at the end, whatever the end is. */
async function withBar<T>(
  runtime: Runtime,
  isWanted: boolean,
  work: (show: (bytes: number, total: number) => void) => Promise<T>,
): Promise<T> {
  const { stderr, stderrIsTerminal } = runtime.process;
  if (!isWanted || !stderrIsTerminal) return work(() => {});
  let shown = -1;
  const show = (bytes: number, total: number): void => {
    // The log of a live server grows past the total of the start.
    const percent = total === 0 ? 100 : Math.min(100, Math.floor((bytes / total) * 100));
    if (percent === shown) return;
    shown = percent;
    stderr(`\r[${"#".repeat(Math.floor(percent / 4)).padEnd(25, ".")}] ${String(percent).padStart(3)} %`);
  };
  try {
    return await work(show);
  } finally {
    if (shown !== -1) stderr("\r\u001b[K");
  }
}
