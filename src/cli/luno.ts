import { presentIn } from "../config/overrides.ts";
import { resolvePath } from "../config/paths.ts";
import { systemClock } from "../lib/clock.ts";
import { exitCodes } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { createLog } from "../lib/log.ts";
import type { LunoOptions } from "../luno/start.ts";
import { agentsMax, defaultAgents, defaultBeatMs, defaultRunMs, startLuno } from "../luno/start.ts";
import type { Runtime } from "../runtime/types.ts";
import type { CommandSpec, ParsedOptions } from "./options.ts";
import { helpText, parseOptions, programName, usageError } from "./options.ts";

/** A beat or a simulated run of more than ten minutes is a slip of the unit. */
const msMax = 600_000;

const logFormats = ["json", "pretty"] as const;

export const lunoCommand = {
  name: "luno",
  summary: "Run the embedded orchestrator, a stand-in for Podium to try, develop and test with",
  usage: "[options]",
  options: [
    { name: "host", value: "ADDRESS", summary: "Address to listen on; default 127.0.0.1" },
    { name: "port", value: "PORT", summary: "TCP port; 0 takes any free one; default 3847" },
    { name: "dir", value: "FOLDER", summary: "Its own folder: catalogue, plans, state; default $ROXY_ROOT/luno" },
    { name: "beat-ms", value: "MS", summary: `Milliseconds between the conductor's beats; default ${defaultBeatMs}` },
    { name: "run-ms", value: "MS", summary: `Milliseconds of a simulated run; default ${defaultRunMs}` },
    { name: "with-parent", summary: "Stop when standard input ends: whoever started it is gone" },
    {
      name: "log-format",
      value: "FORMAT",
      summary: "json or pretty; default pretty on a terminal, else json",
      choices: logFormats,
    },
    { name: "agents", value: "COUNT", summary: `Stories that may run at the same time; default ${defaultAgents}` },
  ],
  examples: [`${programName} luno`, `${programName} luno --port 0 --dir /tmp/luno --run-ms 200`],
} as const satisfies CommandSpec;

/**
 * `luno`: runs until SIGTERM or SIGINT. Secrets come from PODIUM_JWT_SECRET and ROXY_PODIUM_TOKEN only.
 * @returns the exit code
 * @throws Fatal for bad usage (2), or when the folder or the port can't be used (1)
 */
export async function runLuno(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(lunoCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(lunoCommand));
    return exitCodes.done;
  }
  const log = logOf(runtime, options.value("log-format"));
  const asked = stopAsked(runtime, options.has("with-parent"));
  const luno = await startLuno({ ...settingsOf(runtime, options, log), runtime, log });
  const signal = await asked;
  log.info("luno_stopping", { signal });
  await luno.stop();
  log.info("luno_stopped");
  return exitCodes.done;
}

function logOf({ process }: Runtime, wanted: string = process.stderrIsTerminal ? "pretty" : "json"): Log {
  const format = logFormats.find((one) => one === wanted);
  if (!format) throw usageError(lunoCommand, `--log-format: Expected ${logFormats.join(" or ")}`);
  return createLog({ level: "info", format, clock: systemClock, write: (line) => process.stderr(`${line}\n`) });
}

/** Listened for before the start, so that no signal meets a half-started process without us. */
function stopAsked({ process }: Runtime, withParent: boolean): Promise<string> {
  return new Promise((resolve) => {
    if (withParent) process.onInputEnd(() => resolve("parent is gone"));
    for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.onSignal(signal, () => resolve(signal));
  });
}

function settingsOf(
  { process }: Runtime,
  options: ParsedOptions<typeof lunoCommand>,
  log: Log,
): Omit<LunoOptions, "runtime"> {
  const warnings: string[] = [];
  const from = (name: string): string | undefined => presentIn(process.env, name, warnings);
  const root = resolvePath(from("ROXY_ROOT") ?? "~/.roxy", { folder: process.cwd, home: process.home });
  const dir = options.value("dir");
  const folder = resolvePath(dir ?? "luno", { folder: dir === undefined ? root : process.cwd, home: process.home });
  const [secret, fixedToken] = [from("PODIUM_JWT_SECRET"), from("ROXY_PODIUM_TOKEN")];
  for (const warning of warnings) log.warn("luno_environment", { warning });
  const number = (name: NumberOption, min: number, max: number, otherwise: number): number =>
    numberOf(name, options.value(name), min, max) ?? otherwise;
  return {
    host: options.value("host") ?? "127.0.0.1",
    port: number("port", 0, 65_535, 3847),
    folder,
    beatMs: number("beat-ms", 10, msMax, defaultBeatMs),
    runMs: number("run-ms", 0, msMax, defaultRunMs),
    agents: number("agents", 1, agentsMax, defaultAgents),
    ...(secret !== undefined && { secret }),
    ...(fixedToken !== undefined && { fixedToken }),
  };
}

type NumberOption = "port" | "beat-ms" | "run-ms" | "agents";

function numberOf(name: NumberOption, text: string | undefined, min: number, max: number): number | undefined {
  if (text === undefined) return undefined;
  const value = /^\d{1,7}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw usageError(lunoCommand, `--${name} needs a whole number from ${min} to ${max}`);
}
