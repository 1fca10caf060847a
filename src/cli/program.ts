import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import { commit, version } from "../lib/version.ts";
import { nearest } from "../config/nearest.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Command, Commands } from "./commands.ts";
import { allCommands } from "./commands.ts";
import { programName } from "./options.ts";
import { printable, printableLines } from "./printable.ts";

/** These serve others, whoever reads what they print. */
const servers: ReadonlySet<string> = new Set(["serve", "demo", "luno"]);

/** From argv to an exit code; whatever is thrown becomes a message on standard error. */
export async function runProgram(runtime: Runtime, known: Commands, argv: readonly string[]): Promise<number> {
  try {
    return await runWords(runtime, known, argv);
  } catch (error) {
    runtime.process.stderr(`${programName}: ${printableLines(messageOf(error))}\n`);
    if (error instanceof Fatal) return error.exitCode;
    if (error instanceof Error && error.stack !== undefined) runtime.process.stderr(`${error.stack}\n`);
    return exitCodes.failed;
  }
}

async function runWords(runtime: Runtime, known: Commands, argv: readonly string[]): Promise<number> {
  const [word = "serve", ...rest] = argv;
  if (word === "--help" || word === "-h" || (word === "help" && rest.length === 0)) {
    return print(runtime, overview(await allCommands(known)));
  }
  if (word === "--version" || word === "-V") {
    return print(runtime, `${programName} ${version} (${commit}, ${runtime.name} ${runtime.version})\n`);
  }
  if (word === "help") return runWords(runtime, known, [...rest, "--help"]);
  if (word.startsWith("-")) return runWords(runtime, known, ["serve", ...argv]);
  const load = Object.hasOwn(known, word) ? known[word] : undefined;
  if (!load) throw unknownCommand(known, word);
  if (!servers.has(word)) endWithOutput(runtime);
  return (await load()).run(runtime, rest);
}

/** Nobody reads on: nothing is left to do. What could not be written is missing somewhere, and is said. */
function endWithOutput({ process }: Runtime): void {
  process.onOutputClosed((fault) => {
    if (fault !== undefined) process.stderr(`${programName}: Cannot write to standard output: ${fault}\n`);
    void process.exit(fault === undefined ? exitCodes.done : exitCodes.failed);
  });
}

function unknownCommand(known: Commands, word: string): Fatal {
  const near = nearest(word, Object.keys(known));
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  const shown = printable(JSON.stringify(word.slice(0, 60)));
  return new Fatal(`There is no command ${shown}.${hint} See ${programName} --help`, exitCodes.usage);
}

function print(runtime: Runtime, text: string): number {
  endWithOutput(runtime);
  runtime.process.stdout(text);
  return exitCodes.done;
}

function overview(known: readonly Command[]): string {
  const width = Math.max(...known.map(({ name }) => name.length));
  return [
    "The one audited door in front of an agent orchestrator.",
    "",
    `Usage: ${programName} [COMMAND] [options]`,
    "",
    "Commands:",
    ...known.map(({ name, summary }) => `  ${name.padEnd(width)}  ${summary}`),
    "",
    "Options:",
    "  -h, --help     Show this help; after a command, that command's",
    "  -V, --version  Show version, commit and runtime",
    "",
    "Exit codes: 0 done, 1 refused, failed or interrupted, 2 usage, 3 cannot reach, 4 integrity",
    "",
    "Examples:",
    `  ${programName} demo                                      try it, with a stand-in orchestrator`,
    `  ${programName} serve                                     open the door`,
    `  ${programName} dispatch enqueue_story STORY-001 --watch  start a story and follow it to its end`,
    `  ${programName} halt                                      emergency stop`,
    `  ${programName} doctor                                    what is wrong, and how to mend it`,
    "",
  ].join("\n");
}
