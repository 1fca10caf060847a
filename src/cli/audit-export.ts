import type { Span } from "../audit/read.ts";
import { oldestFirst } from "../audit/read.ts";
import type { StoredRecord } from "../audit/record.ts";
import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { auditEvents } from "../wire/audit.ts";
import { momentExpected, momentOf } from "../wire/moment.ts";
import { readDeps, storedLine } from "./audit-read.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, settingOptions, usageError } from "./options.ts";
import { exactInPipe, printable } from "./printable.ts";

/** `audit export`: a range of the log for other programs. */

const formats = ["jsonl", "csv"] as const;

export const exportCommand = {
  name: "audit export",
  summary: "Write records of a time range to standard output",
  usage: "[options]",
  options: [
    { name: "from", value: "TIME", summary: "Day or time, inclusive, such as 2026-01-09 or 2026-01-09T08:00+01:00" },
    { name: "to", value: "TIME", summary: "Day or time; a day is included, a time is not" },
    {
      name: "format",
      value: "FORMAT",
      summary: "jsonl (default): the stored lines, to verify; csv: its cells begin with ' where a formula would",
      choices: formats,
    },
    {
      name: "event",
      value: "EVENT",
      summary: `Only records of this event: ${auditEvents.join(", ")}`,
      choices: auditEvents,
    },
    { name: "json", summary: "The same as --format jsonl" },
    ...settingOptions,
  ],
  examples: [`${programName} audit export --from 2026-01-01 --to 2026-01-31 --format csv > january.csv`],
} as const satisfies CommandSpec;

/** Characters written at a time; a line of the log may be four times as long. */
const pieceLength = 65_536;

/** In constant memory, however slow the reader and however long the log. */
export async function runExport(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(exportCommand, argv);
  const { process } = runtime;
  if (options.help) {
    process.stdout(helpText(exportCommand));
    return exitCodes.done;
  }
  const format = oneOf(formats, "format", options.value("format")) ?? "jsonl";
  const event = oneOf(auditEvents, "event", options.value("event"));
  const { from = "", to = "~" } = spanOf(options.value("from"), options.value("to"));
  const deps = readDeps(runtime, exportCommand, options.given);
  let piece = format === "csv" ? `${csvColumns.join(",")}\r\n` : "";
  for await (const { record, text } of oldestFirst(deps, 0, { from, to })) {
    if (record.timestamp < from || record.timestamp >= to) continue;
    if (event !== undefined && record.event !== event) continue;
    piece +=
      format === "csv" ? `${exactInPipe(process, csvLine(record), printable)}\r\n` : `${storedLine(runtime, text)}\n`;
    if (piece.length < pieceLength) continue;
    process.stdout(piece);
    piece = "";
    await process.stdoutTaken();
  }
  process.stdout(piece);
  return exitCodes.done;
}

function oneOf<T extends string>(known: readonly T[], name: string, value: string | undefined): T | undefined {
  if (value === undefined || known.includes(value as T)) return value as T | undefined;
  throw usageError(exportCommand, `--${name} must be one of ${known.join(", ")}`);
}

function spanOf(fromText: string | undefined, toText: string | undefined): Span {
  const from = boundOf("from", fromText);
  const to = boundOf("to", toText);
  if (from !== undefined && to !== undefined && from >= to) {
    throw usageError(exportCommand, "--to does not lie behind --from");
  }
  return { ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
}

function boundOf(side: "from" | "to", text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  const moment = momentOf(text, side);
  if (moment === undefined) throw usageError(exportCommand, `--${side}: ${momentExpected}`);
  return moment;
}

const csvColumns = [
  "seq",
  "timestamp",
  "event",
  "audit_id",
  "job_id",
  "action",
  "story_id",
  "plan_id",
  "source",
  "user_id",
  "result",
  "code",
  "http_status",
  "podium_status",
  "duration_ms",
  "podium_response",
  "detail",
  "hash",
] as const;

/**
 * RFC 4180. Users and Podium choose what stands in cells, and a spreadsheet runs what begins like a formula (OWASP, "CSV
 * Injection"): such a cell gets an apostrophe in front. Who needs the exact text takes jsonl.
 */
function csvLine(record: StoredRecord): string {
  const cells = csvColumns.map((column) => {
    const text = String(record[column] ?? "");
    const safe = /^[=+\-@\t\r\n]/.test(text) ? `'${text}` : text;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  });
  return cells.join(",");
}
