import { checkConsistencyProof, makeConsistencyProof } from "../audit/consistency.ts";
import { signingKey } from "../audit/evidence.ts";
import { isFlaw } from "../audit/frame.ts";
import { readPublicKey } from "../audit/key.ts";
import { counted } from "../lib/counted.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { readDeps } from "./audit-read.ts";
import { readCheckpointFile } from "./checkpoint-file.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, settingOptions, usageError } from "./options.ts";
import { printable, printableJson } from "./printable.ts";

/** Evidence that a log has only grown, for somebody who keeps one of its checkpoints and is shown none of its records. */

export const proveConsistencyCommand = {
  name: "audit prove-consistency",
  summary: "Write a proof that the log has only grown since a checkpoint, to check anywhere",
  usage: "CHECKPOINT [options] > FILE",
  positionals: ["CHECKPOINT"],
  options: settingOptions,
  examples: [`${programName} audit prove-consistency last-year.note > grown.txt`],
} as const satisfies CommandSpec;

export const checkConsistencyCommand = {
  name: "audit check-consistency",
  summary: "Check that proof against the checkpoint, without the log; exit code 4 when it does not hold",
  usage: "FILE CHECKPOINT --key FILE [options]",
  positionals: ["FILE", "CHECKPOINT"],
  options: [
    { name: "key", value: "FILE", summary: "Key that must have signed the newer checkpoint (PEM, or base64)" },
    { name: "json", summary: "Print JSON" },
  ],
  examples: [`${programName} audit check-consistency grown.txt last-year.note --key audit.pub`],
} as const satisfies CommandSpec;

/** A checkpoint of 16 KiB at most, and the hashes before it. */
const proofBytesMax = 32_768;

export async function runProveConsistency(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(proveConsistencyCommand, argv);
  if (options.help) return help(runtime, proveConsistencyCommand);
  const [path = ""] = options.positionals;
  const { note } = readCheckpointFile(proveConsistencyCommand, runtime.files, "CHECKPOINT", path);
  const deps = readDeps(runtime, proveConsistencyCommand, options.given);
  const proof = await makeConsistencyProof(deps, await signingKey(deps), note).catch((error: unknown) => {
    throw error instanceof Fatal ? error : new Fatal(messageOf(error));
  });
  runtime.process.stdout(proof);
  return exitCodes.done;
}

export async function runCheckConsistency(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(checkConsistencyCommand, argv);
  if (options.help) return help(runtime, checkConsistencyCommand);
  const [path = "", checkpoint = ""] = options.positionals;
  const keyFile = options.value("key");
  // The proof carries no key of its own, and its word for one would prove nothing.
  if (keyFile === undefined) throw usageError(checkConsistencyCommand, "--key is missing");
  const { note: since } = readCheckpointFile(checkConsistencyCommand, runtime.files, "CHECKPOINT", checkpoint);
  const key = await readPublicKey(runtime.files, keyFile);
  const now = await checkConsistencyProof(readText(runtime, path), runtime.sha256, key, since);
  if (isFlaw(now)) {
    const json = printableJson(JSON.stringify({ ok: false, what: now.flaw }));
    runtime.process.stdout(`${options.has("json") ? json : `DOES NOT HOLD: ${printable(now.flaw)}`}\n`);
    return exitCodes.integrity;
  }
  const { origin, size, root } = now;
  const json = printableJson(JSON.stringify({ ok: true, origin, since: since.size, size, root }));
  const grown = `the tree of ${counted(size, "record")} of ${printable(origin)}, signed with the given key,`;
  const text = `Holds: ${grown} begins with the ${since.size} of the given checkpoint`;
  runtime.process.stdout(`${options.has("json") ? json : text}\n`);
  return exitCodes.done;
}

function readText({ files }: Runtime, path: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(files.readAll(path, proofBytesMax));
  } catch (error) {
    throw new Fatal(`Cannot read ${printable(path)}: ${messageOf(error)}`);
  }
}

function help(runtime: Runtime, command: CommandSpec): number {
  runtime.process.stdout(helpText(command));
  return exitCodes.done;
}
