import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import { commit, version } from "../lib/version.ts";
import { nearest } from "../config/nearest.ts";
import type { Runtime } from "../runtime/types.ts";
import { runConfig } from "./config.ts";
import { demoCommand, runDemo } from "./demo.ts";
import { runLuno } from "./luno.ts";
import { programName } from "./options.ts";
import { runServe, serveCommand } from "./serve.ts";

/** One command: the first word of the command line. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** @returns the exit code. @throws Fatal */
  readonly run: (runtime: Runtime, argv: readonly string[]) => Promise<number>;
}

export const commands: readonly Command[] = [
  { name: "serve", summary: `${serveCommand.summary} (default)`, run: runServe },
  { name: "demo", summary: demoCommand.summary, run: runDemo },
  { name: "luno", summary: "Run the embedded orchestrator, a stand-in for Podium", run: runLuno },
  { name: "config", summary: "Check, show or write the configuration", run: runConfig },
];

/** From argv to an exit code; whatever is thrown becomes one line on standard error. */
export async function runProgram(
  runtime: Runtime,
  known: readonly Command[],
  argv: readonly string[],
): Promise<number> {
  const [word = "serve", ...rest] = argv;
  try {
    if (word === "--help" || word === "-h" || word === "help") return print(runtime, overview(known));
    if (word === "--version" || word === "-V")
      return print(runtime, `${programName} ${version} (${commit}, ${runtime.name} ${runtime.version})\n`);
    const command = known.find(({ name }) => name === word);
    if (command) return await command.run(runtime, rest);
    if (word.startsWith("-")) return await runServe(runtime, argv);
    throw unknownCommand(known, word);
  } catch (error) {
    runtime.process.stderr(`${programName}: ${messageOf(error)}\n`);
    if (error instanceof Fatal) return error.exitCode;
    if (error instanceof Error && error.stack !== undefined) runtime.process.stderr(`${error.stack}\n`);
    return exitCodes.failed;
  }
}

function unknownCommand(known: readonly Command[], word: string): Fatal {
  const near = nearest(
    word,
    known.map(({ name }) => name),
  );
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  return new Fatal(`There is no command ${JSON.stringify(word)}.${hint} See ${programName} --help`, exitCodes.usage);
}

function print(runtime: Runtime, text: string): number {
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
    "Exit codes: 0 done, 1 refused or failed, 2 usage, 3 cannot reach, 4 integrity",
    "",
    "Examples:",
    `  ${programName} demo                     try it: gateway and stand-in orchestrator on this machine`,
    `  ${programName} config init              write a configuration file that explains every setting`,
    `  ${programName} serve --port 8001        open the door`,
    "",
  ].join("\n");
}
