import { configInput } from "./config.ts";
import type { CommandSpec } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions } from "./options.ts";
import type { Loaded, LoadInput } from "../config/effective.ts";
import { loadConfig } from "../config/load.ts";
import type { Config } from "../config/schema.ts";
import { systemClock } from "../lib/clock.ts";
import type { Doorkeeper } from "../http/authenticate.ts";
import { Sessions } from "../http/sessions.ts";
import { TokenStore } from "../http/token-store.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { createLog, logLevels } from "../lib/log.ts";
import { commit, version } from "../lib/version.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Gateway } from "./gateway.ts";
import { startGateway } from "./gateway.ts";
import type { InForce } from "./reload.ts";
import { reload } from "./reload.ts";
import { serviceManager } from "./service-manager.ts";

export const serveCommand = {
  name: "serve",
  summary: "Open the audited door: validate, record, sign, forward, stream",
  usage: "[options]",
  options: settingOptions,
  examples: [
    programName,
    `${programName} serve --config ./roxy-core.jsonc --port 8001`,
    `PODIUM_JWT_SECRET=… ${programName} serve --podium-url http://127.0.0.1:3847`,
  ],
} as const satisfies CommandSpec;

/** Runs until a signal or a fault ends it. @returns the exit code */
export async function runServe(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(serveCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(serveCommand));
    return exitCodes.done;
  }
  const hangUp = hangUpSignal(runtime);
  const input = (): LoadInput => configInput(runtime, configArgs(serveCommand, options.given));
  const loaded = loadConfig(input());
  let inForce: InForce = loaded;
  const log = logFor(runtime, loaded, () => inForce.config.log.level);
  const signalled = endSignal(runtime, log);
  const gateway = await serve(runtime, loaded, log);
  const level = ({ config }: InForce): number => logLevels.indexOf(config.log.level);
  const apply = (next: InForce): void => {
    gateway.reload(next);
    // What confirms a change of the level goes by the more talkative of the two.
    if (level(next) < level(inForce)) inForce = next;
  };
  hangUp.use(() => (inForce = reload(inForce, { input, log, apply })));
  const manager = serviceManager({ process: runtime.process, log, isWell: gateway.isWell });
  const ended = untilEnded(gateway, log, signalled, () => manager.stopping());
  void manager.ready(`Listening on ${gateway.urls.join(" and ")}, forwarding to ${loaded.config.podium.url}`);
  return ended;
}

/**
 * A terminal that hangs up is gone; without one it is how a service is told to read its settings again. Taken before
 * anything else is done, because a signal that nobody takes ends the process; what comes too early is made up for.
 */
function hangUpSignal({ process }: Runtime): { use(onHangUp: () => void): void } {
  let isEarly = false;
  let act = (): void => void (isEarly = true);
  if (!process.stderrIsTerminal) process.onSignal("SIGHUP", () => act());
  return {
    use(onHangUp) {
      act = onHangUp;
      if (isEarly) onHangUp();
    },
  };
}

/** Log lines go to standard error: standard output is for answers. */
export function logFor(
  runtime: Runtime,
  { config }: Loaded,
  level: () => Config["log"]["level"] = () => config.log.level,
): Log {
  const { format } = config.log;
  const onTerminal = runtime.process.stderrIsTerminal;
  return createLog({
    level,
    format: format === "auto" ? (onTerminal ? "pretty" : "json") : format,
    clock: systemClock,
    write: (line) => runtime.process.stderr(`${line}\n`),
  });
}

/** The first that is there is used. */
const podiumTokens = [
  { secret: "podiumJwtSecret", message: "signing tokens for Podium (HS256)" },
  { secret: "podiumJwtPrivateKey", message: "signing tokens for Podium (EdDSA)" },
  { secret: "podiumToken", message: "sending a fixed token to Podium" },
] as const;
const noPodiumToken = "neither PODIUM_JWT_SECRET nor podium.jwt_private_key_file is set: Podium gets no token";

/** Starts the gateway and says what a reader of the log should know. */
export async function serve(runtime: Runtime, loaded: Loaded, log: Log): Promise<Gateway> {
  const { config, secrets, secretOrigins, warnings } = loaded;
  for (const warning of warnings) log.warn("configuration", { message: warning });
  const doorkeeper = doorkeeperFor(runtime, config.auth.token_file, log);
  const gateway = await startGateway({
    runtime,
    config,
    secrets,
    ...(doorkeeper && { doorkeeper }),
    clock: systemClock,
    log,
  });
  const token = podiumTokens.find(({ secret }) => secrets[secret] !== undefined);
  if (token) log.info("podium_token", { message: token.message, from: secretOrigins[token.secret] });
  else log.warn("podium_token", { message: noPodiumToken });
  log.info("listening", {
    url: gateway.urls[0],
    ...(gateway.urls.length > 1 && { socket: gateway.urls[1] }),
    podium: config.podium.url,
    audit: config.audit.dir,
    config: loaded.file ?? "built-in defaults",
    version,
    commit,
    runtime: `${runtime.name} ${runtime.version}`,
  });
  return gateway;
}

/** @throws Fatal when the file can't be used: an empty one would keep everybody out, a loose one would let anybody in */
function doorkeeperFor({ files, sha256 }: Runtime, path: string | undefined, log: Log): Doorkeeper | undefined {
  if (path === undefined) return undefined;
  try {
    return { tokens: new TokenStore({ files, sha256, log, path }), sessions: new Sessions(systemClock, sha256) };
  } catch (error) {
    throw new Fatal(`Cannot use ${path} (auth.token_file): ${messageOf(error)}`);
  }
}

/**
 * Resolves at the first signal to end; a second one hurries. Asked for before anything is said to be open: whoever reads
 * that may signal at once.
 */
export function endSignal(runtime: Runtime, log: Log): Promise<undefined> {
  return new Promise((resolve) => {
    let count = 0;
    for (const signal of ["SIGTERM", "SIGINT"] as const) {
      runtime.process.onSignal(signal, () => {
        log.info("signal", { signal });
        if (++count > 1) void runtime.process.exit(exitCodes.failed);
        resolve(undefined);
      });
    }
  });
}

/** Waits for the signal (exit code 0) or for a fault. @throws Fatal */
export async function untilEnded(
  gateway: Gateway,
  log: Log,
  signalled: Promise<undefined>,
  onStopping: () => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  await Promise.race([signalled, gateway.failed]);
  await Promise.all([gateway.stop(), onStopping()]);
  // Looked at now and not before: what could not be written on the way to the end is a fault, too.
  const fatal = await Promise.race([gateway.failed, Promise.resolve(undefined)]);
  if (!fatal) {
    log.info("stopped");
    return exitCodes.done;
  }
  throw fatal;
}
