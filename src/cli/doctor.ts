import type { Loaded } from "../config/effective.ts";
import { examineConfig } from "../config/load.ts";
import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Api } from "./api.ts";
import { createApi } from "./api.ts";
import { colourOption, jsonOption, serverOptions } from "./client-options.ts";
import { configInput } from "./config.ts";
import { auditFindings } from "./doctor-audit.ts";
import { configFindings } from "./doctor-config.ts";
import { doorFindings } from "./doctor-doors.ts";
import type { Finding } from "./doctor-finding.ts";
import { warning } from "./doctor-finding.ts";
import type { GatewaySays } from "./doctor-gateway.ts";
import { gatewayFindings, gatewayReachesPodium, gatewaySays, recordsOf } from "./doctor-gateway.ts";
import { podiumFindings } from "./doctor-podium.ts";
import { unitFindings } from "./doctor-unit.ts";
import type { CommandSpec, Given } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions } from "./options.ts";
import { printable, printableJson } from "./printable.ts";
import { withProgress } from "./progress.ts";
import type { Screen } from "./screen.ts";
import { screenOf } from "./screen.ts";
import { serverAddress } from "./server-address.ts";

export const doctorCommand = {
  name: "doctor",
  summary: "Look at what goes wrong in practice and say how to mend it; exit code 1 when something is",
  usage: "[options]",
  options: [jsonOption, colourOption, serverOptions[0], ...settingOptions],
  examples: [`${programName} doctor`, `${programName} doctor --json`],
} as const satisfies CommandSpec;

/** `doctor`: looks, and changes nothing. Warnings alone leave the exit code 0. */
export async function runDoctor(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(doctorCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(doctorCommand));
    return exitCodes.done;
  }
  const findings = await withProgress(runtime, "Looking", examine(runtime, options.given));
  const ok = !findings.some(({ state }) => state === "problem");
  const screen = screenOf(runtime, options.has("no-color"));
  const text = options.has("json")
    ? `${printableJson(JSON.stringify({ ok, findings }))}\n`
    : findings.map((finding) => findingText(screen, finding)).join("");
  runtime.process.stdout(text);
  return ok ? exitCodes.done : exitCodes.failed;
}

async function examine(runtime: Runtime, given: readonly Given[]): Promise<Finding[]> {
  const examined = examineConfig(configInput(runtime, configArgs(doctorCommand, given)));
  const address = serverAddress(runtime, doctorCommand, given, { regardless: true });
  const api = createApi(runtime, address);
  const says = await gatewaySays(api);
  return [
    ...configFindings(examined),
    ...(await gatewayFindings(runtime, address, says)),
    ...(examined.loaded ? await configuredFindings(runtime, examined.loaded, api, says) : notLookedAt()),
    ...unitFindings(runtime),
  ];
}

/** What can only be looked at when the configuration says where it is. */
async function configuredFindings(runtime: Runtime, loaded: Loaded, api: Api, says: GatewaySays): Promise<Finding[]> {
  const throughGateway = says.running && (await gatewayReachesPodium(api));
  const [podium, audit] = await Promise.all([
    podiumFindings(runtime, loaded, throughGateway),
    auditFindings(runtime, loaded.config, says.running ? { records: recordsOf(says) } : undefined),
  ]);
  return [...doorFindings(runtime, loaded.config), ...podium, ...audit];
}

/** What is left out is said: silence would pass for well. */
function notLookedAt(): Finding[] {
  const checks = ["podium", "podium token", "clock", "audit folder", "disk", "audit chain"];
  const why =
    "Not looked at: the configuration has a mistake (see above), so it does not say where this is or how it is set";
  const fix = `Mend the configuration as said above, then run ${programName} doctor again`;
  return checks.map((check) => warning(check, why, fix));
}

const signs = { ok: ["ok", "green"], warning: ["warning", "yellow"], problem: ["problem", "red"] } as const;

function findingText(screen: Screen, { check, state, detail, fix }: Finding): string {
  const [sign, style] = signs[state];
  const line = `${screen.paint(style, sign.padEnd(7))}  ${check.padEnd(13)}  ${printable(detail)}\n`;
  return fix === undefined ? line : `${line}${" ".repeat(24)}${screen.paint("bold", "Fix:")} ${printable(fix)}\n`;
}
