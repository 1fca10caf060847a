import { exitCodes } from "../lib/errors.ts";
import { version } from "../lib/version.ts";
import type { Runtime } from "../runtime/types.ts";
import type { CommandSpec, OptionSpec } from "./options.ts";
import { helpOption, helpText, parseOptions, programName } from "./options.ts";

export const manCommand = {
  name: "man",
  summary: "Print the manual page, as troff",
  usage: "",
  options: [],
  examples: [`${programName} man | man -l -`, `${programName} man > ~/.local/share/man/man1/${programName}.1`],
} as const satisfies CommandSpec;

export function runMan(runtime: Runtime, argv: readonly string[], commands: readonly CommandSpec[]): Promise<number> {
  const { help } = parseOptions(manCommand, argv);
  runtime.process.stdout(help ? helpText(manCommand) : manPage(commands));
  return Promise.resolve(exitCodes.done);
}

const exits: readonly [code: string, meaning: string][] = [
  ["0", "Done."],
  ["1", "Refused, failed or interrupted."],
  ["2", "The command line is wrong."],
  ["3", "The gateway, or Podium behind it, can't be reached."],
  ["4", "The audit log or a proof does not hold."],
];

const environment: readonly [name: string, meaning: string][] = [
  ["ROXY_ROOT", "Where everything of ours lies; ~/.roxy unless set."],
  ["PODIUM_JWT_SECRET", "Signs the tokens for Podium (HS256)."],
  ["PODIUM_JWT_SECRET_PREVIOUS", "The one before, while both are in use: tried after a 401."],
  ["ROXY_PODIUM_TOKEN", "A fixed token for Podium instead."],
  ["ROXY_PODIUM_BASE_URL, ROXY_PODIUM_WS", "Where Podium is."],
  ["NO_COLOR", "When set and not empty: no colours."],
];

const files: readonly [path: string, meaning: string][] = [
  ["$ROXY_ROOT/roxy-core.jsonc", `The configuration; ${programName} config init writes one that explains itself.`],
  ["$ROXY_ROOT/logs", "The audit log."],
];

/** man(7), in the macros that groff and mandoc share. */
function manPage(commands: readonly CommandSpec[]): string {
  return [
    `.TH ${programName.toUpperCase().replaceAll("-", String.raw`\-`)} 1 "" "${programName} ${version}" "User Commands"`,
    ".SH NAME",
    `${escaped(programName)} \\- the one audited door in front of an agent orchestrator`,
    ".SH SYNOPSIS",
    `.B ${escaped(programName)}`,
    ".RI [ COMMAND ]",
    ".RI [ options ]",
    ".SH DESCRIPTION",
    paragraph(
      "Validates a command, writes it to a tamper-evident audit log, signs a token, forwards it to Podium and streams " +
        "the status back. Without a command it serves.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(commandLines),
    ...definitions("EXIT STATUS", exits),
    ...definitions("ENVIRONMENT", environment),
    ...definitions("FILES", files),
    "",
  ].join("\n");
}

function commandLines({ name, summary, note, usage, options, examples }: CommandSpec): string[] {
  return [
    `.SS ${escaped(`${name} ${usage}`.trim())}`,
    paragraph(note === undefined ? `${summary}.` : `${summary}. ${note}`),
    ...[...options, helpOption].flatMap(optionLines),
    ...(examples.length === 0 ? [] : [".PP", ".nf", ...examples.map((line) => `    ${textLine(line)}`), ".fi"]),
  ];
}

function optionLines({ name, short, value, summary }: OptionSpec): string[] {
  const names = `${short === undefined ? "" : `-${short}, `}--${name}`;
  const shown =
    value === undefined ? `\\fB${escaped(names)}\\fR` : `\\fB${escaped(names)}\\fR \\fI${escaped(value)}\\fR`;
  return [".TP", shown, paragraph(`${summary}.`)];
}

function definitions(title: string, entries: readonly (readonly [string, string])[]): string[] {
  return [
    `.SH ${title}`,
    ...entries.flatMap(([term, meaning]) => [".TP", `\\fB${escaped(term)}\\fR`, paragraph(meaning)]),
  ];
}

/** What troff reads as something else: a hyphen that is typed is a minus, and the accents stand for accents. */
const troffWords: Readonly<Record<string, string>> = {
  "\\": String.raw`\e`,
  "-": String.raw`\-`,
  "'": String.raw`\(aq`,
  "`": String.raw`\(ga`,
  "^": String.raw`\(ha`,
  "~": String.raw`\(ti`,
  "…": "...",
};

function escaped(text: string): string {
  return text.replaceAll(/[\\'`^~…-]/g, (sign) => troffWords[sign] ?? sign);
}

/** On one line; a line must not begin like a request. */
function textLine(text: string): string {
  const line = escaped(text);
  return line.startsWith(".") ? `\\&${line}` : line;
}

/** mandoc's style: input lines within 80 bytes. Troff fills them again. */
const lineBytesMax = 76;

function paragraph(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1) ?? "";
    if (line !== "" && escaped(`${line} ${word}`).length > lineBytesMax) lines.push(word);
    else lines[lines.length - 1] = line === "" ? word : `${line} ${word}`;
  }
  return lines.map(textLine).join("\n");
}
