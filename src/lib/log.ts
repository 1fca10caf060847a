import type { Clock } from "./clock.ts";
import { timestampOf } from "./clock.ts";

export const logLevels = ["debug", "info", "warn", "error"] as const;
export type LogLevel = (typeof logLevels)[number];
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

/** One line an event. Names are stable words such as `podium_connected`; fields never hold a secret. */
export interface Log {
  debug(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  error(event: string, fields?: LogFields): void;
  /** What is evidence and no chatter: printed at every level. */
  always(event: string, fields?: LogFields): void;
}

export interface LogOptions {
  /** A function where it may change while the program runs. */
  readonly level: LogLevel | (() => LogLevel);
  /** `json`: one object a line, for the journal. `pretty`: for a person at a terminal. */
  readonly format: "json" | "pretty";
  readonly clock: Clock;
  /** Takes one line without its newline; false when it did not, for want of a reader. */
  readonly write: (line: string) => unknown;
}

export function createLog(options: LogOptions): Log {
  const { level: least } = options;
  const format = options.format === "json" ? jsonLine : prettyLine;
  const isTaken = (level: LogLevel, event: string, fields: LogFields): boolean =>
    options.write(format(timestampOf(options.clock.now()), level, event, fields)) !== false;
  let lost = 0;
  const say = (level: LogLevel, event: string, fields: LogFields): void => {
    if (lost > 0 && isTaken("warn", "log_lines_lost", { lines: lost })) lost = 0;
    if (!isTaken(level, event, fields)) lost++;
  };
  const at =
    (level: LogLevel, isWanted = () => isLoud(level, typeof least === "function" ? least() : least)) =>
    (event: string, fields: LogFields = {}): void => {
      if (isWanted()) say(level, event, fields);
    };
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    always: at("info", () => true),
  };
}

export const silentLog: Log = { debug() {}, info() {}, warn() {}, error() {}, always() {} };

function isLoud(level: LogLevel, least: LogLevel): boolean {
  return logLevels.indexOf(level) >= logLevels.indexOf(least);
}

function jsonLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  return escaped({ time, level, event, ...fields });
}

function prettyLine(time: string, level: LogLevel, event: string, fields: LogFields): string {
  const words = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${typeof value === "string" ? quoteIfNeeded(value) : String(value)}`);
  return [time.slice(11, 23), level.padEnd(5), event, ...words].join(" ");
}

function quoteIfNeeded(value: string): string {
  return /^[\w./:@+-]+$/.test(value) ? value : escaped(value);
}

/**
 * JSON's escapes keep a stranger's newline or terminal escape from forging a line. JSON itself lets DEL, the C1 controls
 * and the signs that turn the writing direction stand, and the journal is read on a terminal.
 */
function escaped(value: unknown): string {
  return JSON.stringify(value).replaceAll(
    /[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
