import { configFilePath, loadConfig } from "../config/load.ts";
import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { configInput } from "./config.ts";
import type { CommandSpec } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, usageError } from "./options.ts";
import { unitText } from "./unit-text.ts";

export const unitCommand = {
  name: "unit",
  summary: "Print a systemd unit that starts this program",
  usage: "--user|--system [options]",
  options: [
    { name: "user", summary: "For this user's own systemd; the default" },
    { name: "system", summary: "For the whole machine: a user of its own, hardened" },
    { name: "config", value: "FILE", short: "c", summary: "Configuration file that the unit's server reads" },
  ],
  examples: [
    `${programName} unit --user > ~/.config/systemd/user/${programName}.service`,
    `${programName} unit --system | sudo tee /etc/systemd/system/${programName}.service`,
  ],
} as const satisfies CommandSpec;

/** `unit`. @throws Fatal for bad usage (2), or a configuration with mistakes (1): a unit for it would only fail */
export function runUnit(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(unitCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(unitCommand));
    return Promise.resolve(exitCodes.done);
  }
  if (options.has("user") && options.has("system")) throw usageError(unitCommand, "Either --user or --system");
  const args = configArgs(unitCommand, options.given);
  const { config, root } = loadConfig(configInput(runtime, args));
  // The unit has another working folder than this shell.
  const file = args.configFile === undefined ? undefined : configFilePath(args.configFile, root, runtime.process);
  const text = unitText({
    kind: options.has("system") ? "system" : "user",
    program: runtime.process.self,
    args: file === undefined ? [] : ["--config", file],
    podiumTimeoutMs: config.podium.timeout_ms,
  });
  runtime.process.stdout(text);
  return Promise.resolve(exitCodes.done);
}
