import { nearest } from "../config/nearest.ts";
import type { FlagSetting } from "../config/overrides.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";

/**
 * The command line: commands are data, and parsing, `--help`, shell completion and the manual page are made from it.
 * Understood: `--name value`, `--name=value`, `-n value`, `-nvalue`, switches, repeated options, `--` (the rest is arguments).
 */

export interface OptionSpec {
  /** Long name without dashes, such as `config`. */
  readonly name: string;
  /** What the value stands for, such as `FILE`; a switch has none. */
  readonly value?: string;
  readonly summary: string;
  /** One letter. */
  readonly short?: string;
  /** The words that a value can be, for shell completion. */
  readonly choices?: readonly string[];
}

export interface CommandSpec {
  /** The words after the program's name, such as `config show`. */
  readonly name: string;
  readonly summary: string;
  /** More than one line has room for: whole sentences, for help and the manual page. */
  readonly note?: string;
  /** What follows the name, such as `ACTION [ID] [options]`. */
  readonly usage: string;
  /** Arguments in order: `ID` must be there, `[ID]` may, `[ID...]` takes all that are left. None unless given. */
  readonly positionals?: readonly string[];
  /** The words that an argument can be, by its name, for shell completion. */
  readonly words?: Readonly<Record<string, readonly string[]>>;
  readonly options: readonly OptionSpec[];
  /** Whole command lines. */
  readonly examples: readonly string[];
}

type Optioned<C extends CommandSpec> = C["options"][number];
type ValueName<C extends CommandSpec> = Extract<Optioned<C>, { readonly value: string }>["name"];
type SwitchName<C extends CommandSpec> = Exclude<Optioned<C>, { readonly value: string }>["name"];

/** An option as it was given; a switch has the value undefined. */
export interface Given {
  readonly name: string;
  readonly value: string | undefined;
}

export interface ParsedOptions<C extends CommandSpec = CommandSpec> {
  /** `--help` or `-h` was given: print {@link helpText} and do nothing else. */
  readonly help: boolean;
  readonly positionals: readonly string[];
  /** Every option in the order of the command line. */
  readonly given: readonly Given[];
  has(name: SwitchName<C>): boolean;
  /** The last value given: a later option beats an earlier one. */
  value(name: ValueName<C>): string | undefined;
  values(name: ValueName<C>): readonly string[];
}

export const programName = "roxy-core";

export const helpOption: OptionSpec = { name: "help", short: "h", summary: "Show this help" };

/** @throws Fatal with exit code 2: unknown option, missing or unwanted value, too many or too few arguments */
export function parseOptions<const C extends CommandSpec>(command: C, argv: readonly string[]): ParsedOptions<C> {
  const given: Given[] = [];
  const positionals: string[] = [];
  for (let i = 0; i < argv.length; i++) {
    const word = argv[i] ?? "";
    if (word === "--") {
      positionals.push(...argv.slice(i + 1));
      break;
    }
    if (word === "-" || !word.startsWith("-")) {
      positionals.push(word);
      continue;
    }
    const { option, inline } = optionOf(command, word);
    if (option.value === undefined) {
      if (inline !== undefined) throw usageError(command, `--${option.name} takes no value`);
      given.push({ name: option.name, value: undefined });
    } else {
      given.push({ name: option.name, value: inline ?? valueAfter(command, option, argv[++i]) });
    }
  }
  const help = given.some(({ name }) => name === helpOption.name);
  if (!help) checkPositionals(command, positionals);
  return parsed(given, positionals, help);
}

function parsed<C extends CommandSpec>(
  given: readonly Given[],
  positionals: readonly string[],
  help: boolean,
): ParsedOptions<C> {
  const values = (name: string): string[] => given.flatMap((one) => (one.name === name ? [one.value ?? ""] : []));
  return {
    help,
    positionals,
    given,
    has: (name) => given.some((one) => one.name === name),
    value: (name) => values(name).at(-1),
    values,
  };
}

/** An error in the use of a command: exit code 2, with the way to its help. */
export function usageError(command: Pick<CommandSpec, "name">, message: string): Fatal {
  return new Fatal(`${message}. See ${commandLine(command)} --help`, exitCodes.usage);
}

/** The words that start a command; the default command has none of its own. */
function commandLine(command: Pick<CommandSpec, "name">): string {
  return command.name === "" ? programName : `${programName} ${command.name}`;
}

function optionOf(command: CommandSpec, word: string): { option: OptionSpec; inline: string | undefined } {
  const equals = word.indexOf("=");
  const name = equals < 0 ? word : word.slice(0, equals);
  const inline = equals < 0 ? undefined : word.slice(equals + 1);
  const options = [...command.options, helpOption];
  const option = options.find(
    (one) => name === `--${one.name}` || (one.short !== undefined && name === `-${one.short}`),
  );
  if (option) return { option, inline };
  const attached = options.find(
    ({ short, value }) => short !== undefined && value !== undefined && word.startsWith(`-${short}`),
  );
  // A long name with a dash too few is a slip, and no value.
  const isLong = options.some((one) => name === `-${one.name}`);
  if (attached && !isLong) return { option: attached, inline: word.slice(2) };
  const near = nearest(
    name.replace(/^-+/, ""),
    options.map((one) => one.name),
  );
  throw usageError(command, `Unknown option ${shown(name)}${near === undefined ? "" : ` (nearest: --${near})`}`);
}

/** A word that looks like an option is no value: `--config --json` is a forgotten file name. */
function valueAfter(command: CommandSpec, option: OptionSpec, next: string | undefined): string {
  if (next !== undefined && !next.startsWith("--")) return next;
  const way = next === undefined ? "" : `; write --${option.name}=${option.value} when it starts with dashes`;
  throw usageError(command, `--${option.name} needs a value: ${option.value}${way}`);
}

function checkPositionals(command: CommandSpec, positionals: readonly string[]): void {
  const wanted = command.positionals ?? [];
  const needed = wanted.filter((name) => !name.startsWith("["));
  const missing = needed[positionals.length];
  if (missing !== undefined) throw usageError(command, `${missing} is missing`);
  const open = wanted.at(-1)?.includes("...") ?? false;
  const extra = positionals[wanted.length];
  if (!open && extra !== undefined) throw usageError(command, `Unexpected argument ${shown(extra)}`);
}

/** What a person typed, on one line and not too much of it. */
function shown(word: string): string {
  const short = word.length > 60 ? `${word.slice(0, 60)}…` : word;
  return /^[\x21-\x7e…]+$/.test(short) ? short : JSON.stringify(short);
}

/** The settings of the configuration that have a flag of their own. */
const shortcuts = [
  { name: "host", value: "ADDRESS", key: "listen.host", summary: "Address to listen on" },
  { name: "port", value: "PORT", key: "listen.port", summary: "TCP port to listen on; 0 takes any free one" },
  { name: "podium-url", value: "URL", key: "podium.url", summary: "Podium's HTTP base URL" },
  { name: "audit-dir", value: "FOLDER", key: "audit.dir", summary: "Folder of the audit log" },
  { name: "log-level", value: "LEVEL", key: "log.level", summary: "debug, info, warn or error" },
] as const;

/** For every command that reads the configuration; {@link configArgs} reads them back. */
export const settingOptions = [
  { name: "config", value: "FILE", short: "c", summary: "Configuration file; default $ROXY_ROOT/roxy-core.jsonc" },
  { name: "set", value: "KEY=VALUE", summary: "Any setting, such as podium.timeout_ms=5000; may be repeated" },
  ...shortcuts,
] as const satisfies readonly OptionSpec[];

export interface ConfigArgs {
  readonly configFile?: string;
  readonly settings: readonly FlagSetting[];
}

/**
 * The configuration's part of a command line, in its order: what comes later beats what comes earlier.
 * @throws Fatal with exit code 2 when `--set` is not `KEY=VALUE`, or a value is empty
 */
export function configArgs(command: Pick<CommandSpec, "name">, given: readonly Given[]): ConfigArgs {
  const configFile = given.findLast(({ name }) => name === "config")?.value;
  if (configFile === "") throw usageError(command, "--config needs a value: FILE");
  const settings = given.flatMap(({ name, value = "" }) => settingOf(command, name, value) ?? []);
  return { ...(configFile !== undefined && { configFile }), settings };
}

function settingOf(command: Pick<CommandSpec, "name">, name: string, value: string): FlagSetting | undefined {
  const shortcut = shortcuts.find((one) => one.name === name);
  if (shortcut) return { key: shortcut.key, value, flag: `--${name}` };
  if (name !== "set") return undefined;
  const equals = value.indexOf("=");
  // The value is not repeated: it may be a secret that does not belong here.
  if (equals < 1) throw usageError(command, "--set needs KEY=VALUE, such as --set listen.port=8001");
  return { key: value.slice(0, equals), value: value.slice(equals + 1) };
}

const widthMax = 100;

/** What `--help` prints: name, summary, note, usage, options and examples, ending with a newline. */
export function helpText(command: CommandSpec): string {
  const options = [...command.options, helpOption];
  const labels = options.map(labelOf);
  const column = Math.max(...labels.map((label) => label.length)) + 4;
  const lines = options.flatMap((option, index) => entry(labels[index] ?? "", option.summary, column));
  const examples =
    command.examples.length === 0 ? [] : ["", "Examples:", ...command.examples.map((line) => `  ${line}`)];
  const usage = `Usage: ${commandLine(command)} ${command.usage}`.trimEnd();
  const note = command.note === undefined ? [] : ["", ...wrapped("", command.note, 0)];
  return [`${command.summary}.`, ...note, "", usage, "", "Options:", ...lines, ...examples, ""].join("\n");
}

/** `--help` of commands with the same first word. */
export function groupHelpText(
  { name, summary }: Pick<CommandSpec, "name" | "summary">,
  members: readonly CommandSpec[],
): string {
  const words = members.map((member) => member.name.slice(name.length + 1));
  const column = Math.max(...words.map((word) => word.length)) + 4;
  const lines = members.flatMap((member, index) => entry(words[index] ?? "", member.summary, column));
  const examples = members.flatMap((member) => member.examples.slice(0, 1).map((line) => `  ${line}`));
  const usage = `Usage: ${programName} ${name} COMMAND [options]`;
  const more = `${programName} ${name} COMMAND --help says what each one takes.`;
  return [`${summary}.`, "", usage, "", "Commands:", ...lines, "", more, "", "Examples:", ...examples, ""].join("\n");
}

function labelOf(option: OptionSpec): string {
  const short = option.short === undefined ? "    " : `-${option.short}, `;
  return `${short}--${option.name}${option.value === undefined ? "" : ` ${option.value}`}`;
}

function entry(label: string, summary: string, column: number): string[] {
  return wrapped(`  ${label}`.padEnd(column), summary, column);
}

/** @param start what stands before the text; lines after the first begin at the column */
function wrapped(start: string, text: string, column: number): string[] {
  const lines: string[] = [];
  let line = start;
  for (const word of text.split(" ")) {
    if (line.length + word.length + 1 > widthMax && line.trim() !== "") {
      lines.push(line);
      line = "".padEnd(column);
    }
    line += line === "" || line.endsWith(" ") ? word : ` ${word}`;
  }
  return [...lines, line];
}
