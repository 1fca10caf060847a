import type { ReadDeps } from "../audit/read.ts";
import { newestFirst } from "../audit/read.ts";
import type { StoredRecord } from "../audit/record.ts";
import { loadConfig } from "../config/load.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import type { Files, Runtime } from "../runtime/types.ts";
import { dispatchRecords } from "./audit-id.ts";
import { configInput } from "./config.ts";
import type { CommandSpec, Given } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions, usageError } from "./options.ts";
import { exactInPipe, printable, printableJson } from "./printable.ts";

/** `audit tail` and `audit show`. */

const json = { name: "json", summary: "Print the stored lines, one JSON object each" } as const;

export const tailCommand = {
  name: "audit tail",
  summary: "Show the newest records; with -f, go on as they are written",
  usage: "[options]",
  options: [
    { name: "lines", value: "NUMBER", short: "n", summary: "How many; default 20" },
    { name: "follow", short: "f", summary: "Go on until interrupted" },
    json,
    ...settingOptions,
  ],
  examples: [`${programName} audit tail -n 50`, `${programName} audit tail -f --json`],
} as const satisfies CommandSpec;

export const showCommand = {
  name: "audit show",
  summary: "Show every record of one dispatch, by its audit id or its job's id",
  usage: "AUDIT_ID|JOB [options]",
  positionals: ["AUDIT_ID"],
  options: [json, ...settingOptions],
  examples: [`${programName} audit show AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV`, `${programName} audit show JOB-20260109-001`],
} as const satisfies CommandSpec;

/** How often `tail -f` looks: quick for a person, nothing for the machine. */
const followMs = 250;
const linesMax = 100_000;

/** The folder of the configuration, for reading. */
export function readDeps(runtime: Runtime, command: CommandSpec, given: readonly Given[]): ReadDeps {
  const { audit } = loadConfig(configInput(runtime, configArgs(command, given))).config;
  checkReadable(runtime.files, audit.dir);
  return { files: runtime.files, sha256: runtime.sha256, dir: audit.dir };
}

/** @throws Fatal with this exit code when there is no folder to read */
export function checkReadable(files: Files, dir: string, code: number = exitCodes.failed): void {
  const kind = files.stat(dir)?.kind;
  if (kind === "folder") return;
  const what = kind === undefined ? `there is no folder ${dir}` : `${dir} is not a folder`;
  throw new Fatal(
    `Cannot read the audit log: ${what}. Name the right one with audit.dir, or as DIR of audit verify`,
    code,
  );
}

export async function runTail(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(tailCommand, argv);
  if (options.help) return help(runtime, tailCommand);
  const count = Number(options.value("lines") ?? 20);
  if (!Number.isInteger(count) || count < 0 || count > linesMax) {
    throw usageError(tailCommand, `--lines needs a whole number up to ${linesMax}`);
  }
  const deps = readDeps(runtime, tailCommand, options.given);
  const shown: { record: StoredRecord; text: string }[] = [];
  if (count > 0) {
    for await (const read of newestFirst(deps)) if (shown.push(read) >= count) break;
  }
  const print = ({ record, text }: { record: StoredRecord; text: string }): void =>
    runtime.process.stdout(`${options.has("json") ? storedLine(runtime, text) : lineOf(record)}\n`);
  for (const read of shown.toReversed()) print(read);
  if (!options.has("follow")) return exitCodes.done;
  return follow(runtime, deps, shown[0]?.record.seq, print);
}

async function follow(
  runtime: Runtime,
  deps: ReadDeps,
  from: number | undefined,
  print: (read: { record: StoredRecord; text: string }) => void,
): Promise<number> {
  const stop = new AbortController();
  const stopped = new Promise((resolve) => stop.signal.addEventListener("abort", resolve));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    runtime.process.onSignal(signal, () => stop.abort());
  }
  let seq = from ?? (await newestSeq(deps));
  while (!stop.signal.aborted) {
    // From the end backwards: what is new is little, and the file may be large.
    const fresh: { record: StoredRecord; text: string }[] = [];
    for await (const read of newestFirst(deps)) {
      if (read.record.seq <= seq) break;
      fresh.push(read);
    }
    for (const read of fresh.toReversed()) print(read);
    seq = fresh[0]?.record.seq ?? seq;
    await Promise.race([stopped, new Promise((resolve) => setTimeout(resolve, followMs))]);
  }
  return exitCodes.done;
}

async function newestSeq(deps: ReadDeps): Promise<number> {
  for await (const { record } of newestFirst(deps)) return record.seq;
  return -1;
}

export async function runShow(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(showCommand, argv);
  if (options.help) return help(runtime, showCommand);
  const [id = ""] = options.positionals;
  const deps = readDeps(runtime, showCommand, options.given);
  for (const { record, text } of (await dispatchRecords(showCommand, deps, id)).records) {
    runtime.process.stdout(`${options.has("json") ? storedLine(runtime, text) : blockOf(record)}\n`);
  }
  return exitCodes.done;
}

/** Whoever reads it from a pipe can verify it. */
export function storedLine({ process }: Runtime, text: string): string {
  return exactInPipe(process, text, printableJson);
}

function lineOf(record: StoredRecord): string {
  const words = [
    record.timestamp,
    String(record.seq).padStart(6),
    record.event.padEnd(10),
    record.job_id,
    record.action,
    record.story_id ?? record.plan_id,
    record.result,
    record.podium_status,
    record.code,
    record.user_id && `user=${record.user_id}`,
    record.source && `source=${record.source}`,
    record.audit_id,
  ];
  return printable(words.filter(Boolean).join(" "));
}

function blockOf(record: StoredRecord): string {
  const { v: _, ...rest } = record;
  const entries = Object.entries(rest).map(([key, value]) => [
    key,
    typeof value === "object" ? JSON.stringify(value) : value,
  ]);
  return `${entries.map(([key, value]) => printable(`${String(key).padEnd(16)} ${String(value)}`)).join("\n")}\n`;
}

function help(runtime: Runtime, command: CommandSpec): number {
  runtime.process.stdout(helpText(command));
  return exitCodes.done;
}
