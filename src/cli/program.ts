import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import { commit, version } from "../lib/version.ts";
import { nearest } from "../config/nearest.ts";
import type { Runtime } from "../runtime/types.ts";
import { auditCommand, auditCommands, runAudit } from "./audit.ts";
import { completionCommand, runCompletion } from "./completion.ts";
import { completionTree } from "./completion-tree.ts";
import { configCommands, runConfig } from "./config.ts";
import { demoCommand, runDemo } from "./demo.ts";
import { dispatchCommand, runDispatch } from "./dispatch.ts";
import { doctorCommand, runDoctor } from "./doctor.ts";
import { haltCommand, runHalt } from "./halt.ts";
import { jobsCommand, runJobs } from "./jobs.ts";
import { lunoCommand, runLuno } from "./luno.ts";
import { manCommand, runMan } from "./man.ts";
import type { CommandSpec } from "./options.ts";
import { programName } from "./options.ts";
import { printable, printableLines } from "./printable.ts";
import { runServe, serveCommand } from "./serve.ts";
import { runStatus, statusCommand } from "./status.ts";
import { runToken, tokenCommand, tokenCommands } from "./token.ts";
import { runUnit, unitCommand } from "./unit.ts";
import { runWatch, watchCommand } from "./watch.ts";

/** These serve others, whoever reads what they print. */
const servers: ReadonlySet<string> = new Set(["serve", "demo", "luno"]);

/** The first word of the command line. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The command itself, or all that begin with this word: for completion and the manual page. */
  readonly specs: readonly CommandSpec[];
  /** @returns the exit code. @throws Fatal */
  readonly run: (runtime: Runtime, argv: readonly string[]) => Promise<number>;
}

function single(spec: CommandSpec, run: Command["run"]): Command {
  return { name: spec.name, summary: spec.summary, specs: [spec], run };
}

export const commands: readonly Command[] = [
  { ...single(serveCommand, runServe), summary: `${serveCommand.summary} (default)` },
  single(demoCommand, runDemo),
  single(dispatchCommand, runDispatch),
  single(haltCommand, runHalt),
  single(statusCommand, runStatus),
  single(jobsCommand, runJobs),
  single(watchCommand, runWatch),
  { name: "audit", summary: auditCommand.summary, specs: auditCommands, run: runAudit },
  { name: "config", summary: "Check, show or write the configuration", specs: configCommands, run: runConfig },
  single(doctorCommand, runDoctor),
  single(unitCommand, runUnit),
  { name: "token", summary: tokenCommand.summary, specs: tokenCommands, run: runToken },
  single(lunoCommand, runLuno),
  single(completionCommand, (runtime, argv) => runCompletion(runtime, argv, completionTree(commands))),
  single(manCommand, (runtime, argv) => runMan(runtime, argv, allSpecs())),
];

function allSpecs(): CommandSpec[] {
  return commands.flatMap(({ specs }) => specs);
}

/** From argv to an exit code; whatever is thrown becomes a message on standard error. */
export async function runProgram(
  runtime: Runtime,
  known: readonly Command[],
  argv: readonly string[],
): Promise<number> {
  try {
    return await runWords(runtime, known, argv);
  } catch (error) {
    runtime.process.stderr(`${programName}: ${printableLines(messageOf(error))}\n`);
    if (error instanceof Fatal) return error.exitCode;
    if (error instanceof Error && error.stack !== undefined) runtime.process.stderr(`${error.stack}\n`);
    return exitCodes.failed;
  }
}

async function runWords(runtime: Runtime, known: readonly Command[], argv: readonly string[]): Promise<number> {
  const [word = "serve", ...rest] = argv;
  if (word === "--help" || word === "-h" || (word === "help" && rest.length === 0)) {
    return print(runtime, overview(known));
  }
  if (word === "--version" || word === "-V") {
    return print(runtime, `${programName} ${version} (${commit}, ${runtime.name} ${runtime.version})\n`);
  }
  if (word === "help") return runWords(runtime, known, [...rest, "--help"]);
  const command = known.find(({ name }) => name === word);
  if (command && !servers.has(command.name)) {
    runtime.process.onOutputClosed(() => void runtime.process.exit(exitCodes.done));
  }
  if (command) return command.run(runtime, rest);
  if (word.startsWith("-")) return runServe(runtime, argv);
  throw unknownCommand(known, word);
}

function unknownCommand(known: readonly Command[], word: string): Fatal {
  const near = nearest(
    word,
    known.map(({ name }) => name),
  );
  const hint = near === undefined ? "" : ` Did you mean ${near}?`;
  const shown = JSON.stringify(printable(word.slice(0, 60)));
  return new Fatal(`There is no command ${shown}.${hint} See ${programName} --help`, exitCodes.usage);
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
    `  ${programName} demo                                      try it, with a stand-in orchestrator`,
    `  ${programName} serve                                     open the door`,
    `  ${programName} dispatch enqueue_story STORY-001 --watch  start a story and follow it to its end`,
    `  ${programName} halt                                      emergency stop`,
    `  ${programName} doctor                                    what is wrong, and how to mend it`,
    "",
  ].join("\n");
}
