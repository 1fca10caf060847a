import { counted } from "../lib/counted.ts";
import { signingKey } from "../audit/evidence.ts";
import { checkProofFile, makeProofFile } from "../audit/proof-file.ts";
import { isFlaw } from "../audit/frame.ts";
import { readPublicKey } from "../audit/key.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { dispatchRecords } from "./audit-id.ts";
import { readDeps } from "./audit-read.ts";
import { printable, printableJson, printableJsonLines } from "./printable.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, settingOptions } from "./options.ts";

/** `audit prove` and `audit check-proof`: evidence about one dispatch that can be handed to somebody. */

export const proveCommand = {
  name: "audit prove",
  summary: "Write a proof that a dispatch is in the signed log, to check anywhere",
  usage: "AUDIT_ID|JOB [options] > FILE",
  positionals: ["AUDIT_ID"],
  options: [{ name: "json", summary: "Print JSON, which a proof always is" }, ...settingOptions],
  examples: [`${programName} audit prove AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV > proof.json`],
} as const satisfies CommandSpec;

export const checkProofCommand = {
  name: "audit check-proof",
  summary: "Check a proof without the log; exit code 4 when it does not hold",
  usage: "FILE [options]",
  positionals: ["FILE"],
  options: [
    {
      name: "key",
      value: "FILE",
      summary: "Key that must have signed (PEM, or base64); else the proof's own word is taken",
    },
    { name: "json", summary: "Print JSON" },
  ],
  examples: [`${programName} audit check-proof proof.json --key audit.pub`],
} as const satisfies CommandSpec;

/** One dispatch has a handful of records of 256 KiB at most. */
const proofBytesMax = 16_777_216;

export async function runProve(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(proveCommand, argv);
  if (options.help) return help(runtime, proveCommand);
  const [id = ""] = options.positionals;
  const deps = readDeps(runtime, proveCommand, options.given);
  const { auditId, records } = await dispatchRecords(proveCommand, deps, id);
  const lines = records.map(({ record, text }) => ({ seq: record.seq, line: text }));
  const file = await makeProofFile(deps, auditId, await signingKey(deps), lines).catch((error: unknown) => {
    throw error instanceof Fatal ? error : new Fatal(messageOf(error));
  });
  runtime.process.stdout(`${printableJsonLines(JSON.stringify(file, null, 2))}\n`);
  return exitCodes.done;
}

export async function runCheckProof(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(checkProofCommand, argv);
  if (options.help) return help(runtime, checkProofCommand);
  const [path = ""] = options.positionals;
  const keyFile = options.value("key");
  const key = keyFile === undefined ? undefined : await readPublicKey(runtime.files, keyFile);
  const verdict = await checkProofFile(readText(runtime, path), runtime.sha256, key);
  if (isFlaw(verdict)) {
    const text = `DOES NOT HOLD: ${printable(verdict.flaw)}\n`;
    const json = `${printableJson(JSON.stringify({ ok: false, what: verdict.flaw }))}\n`;
    runtime.process.stdout(options.has("json") ? json : text);
    return exitCodes.integrity;
  }
  const { records, origin, size, root } = verdict;
  if (options.has("json")) {
    const shown = { ok: true, key_is_pinned: key !== undefined, origin, size, root, records };
    runtime.process.stdout(`${printableJsonLines(JSON.stringify(shown, null, 2))}\n`);
    return exitCodes.done;
  }
  const pinned =
    key === undefined ? "the key is the proof's own word: give --key to pin it" : "signed with the given key";
  runtime.process.stdout(
    `Holds: ${counted(records.length, "record")} in the tree of ${counted(size, "record")} of ${printable(origin)}; ${pinned}\n`,
  );
  for (const { seq, timestamp, event, result } of records) {
    runtime.process.stdout(`${printable(`${timestamp} seq ${seq} ${event} ${result ?? ""}`.trimEnd())}\n`);
  }
  runtime.process.stdout("That these are all records of the dispatch, no proof can show: ask the log for that\n");
  return exitCodes.done;
}

function readText(runtime: Runtime, path: string): string {
  try {
    return new TextDecoder().decode(runtime.files.readAll(path, proofBytesMax));
  } catch (error) {
    throw new Fatal(`Cannot read ${printable(path)}: ${messageOf(error)}`);
  }
}

function help(runtime: Runtime, command: CommandSpec): number {
  runtime.process.stdout(helpText(command));
  return exitCodes.done;
}
