import { loadConfig } from "../config/load.ts";
import { folderOf, resolvePath } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { pathKeys } from "../config/schema.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { configInput } from "./config.ts";
import { lineDiff } from "./line-diff.ts";
import type { CommandSpec, ParsedOptions } from "./options.ts";
import { helpText, parseOptions, programName, usageError } from "./options.ts";
import { exactInPipe, printable, printableLines } from "./printable.ts";
import { systemRoot, systemRun, systemSettings, unitText } from "./unit-text.ts";

export const unitCommand = {
  name: "unit",
  summary: "Print a hardened systemd unit, or put it in place",
  usage: "[--user|--system] [options]",
  options: [
    { name: "user", summary: "For this user's own systemd; the default" },
    { name: "system", summary: "For the whole machine: a user of its own, with a sandbox around it" },
    { name: "install", summary: "Show what changes, then write the unit; nothing when it is as it should be" },
    { name: "dry-run", summary: "With --install: show what would change" },
    { name: "config", value: "FILE", short: "c", summary: "The configuration that the service is to use" },
    { name: "exec", value: "FILE", summary: "The program to start; default this one" },
    { name: "jwt-secret", value: "FILE", summary: "File with PODIUM_JWT_SECRET, handed over as a credential" },
    { name: "jwt-key", value: "FILE", summary: "File with the private key that signs instead (EdDSA), the same way" },
  ],
  examples: [
    `${programName} unit --user --install`,
    `${programName} unit --system --exec /usr/local/bin/${programName} --jwt-secret /etc/roxy-core/podium_jwt_secret`,
  ],
} as const satisfies CommandSpec;

type Options = ParsedOptions<typeof unitCommand>;
type Scope = "user" | "system";

const unitName = `${programName}.service`;
const unitBytesMax = 65_536;

/** @returns the exit code. @throws Fatal */
export async function runUnit(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(unitCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(unitCommand));
    return exitCodes.done;
  }
  if (options.has("user") && options.has("system")) throw usageError(unitCommand, "Either --user or --system");
  if (options.value("jwt-secret") !== undefined && options.value("jwt-key") !== undefined) {
    throw usageError(unitCommand, "Either --jwt-secret or --jwt-key");
  }
  if (options.has("dry-run") && !options.has("install")) throw usageError(unitCommand, "--dry-run goes with --install");
  const scope = options.has("system") ? "system" : "user";
  const text = makeUnit(runtime, options, scope);
  if (options.has("install")) return install(runtime, scope, text, options.has("dry-run"));
  runtime.process.stdout(exactInPipe(runtime.process, text, printableLines));
  return exitCodes.done;
}

function makeUnit(runtime: Runtime, options: Options, scope: Scope): string {
  const { cwd, home, self, env, stderr } = runtime.process;
  const absolute = (path: string): string => resolvePath(path, { folder: cwd, home });
  const exec = options.value("exec");
  const configFile = options.value("config");
  const [jwtSecret, jwtKey] = [options.value("jwt-secret"), options.value("jwt-key")];
  const root = scope === "system" ? systemRoot : env["ROXY_ROOT"] && absolute(env["ROXY_ROOT"]);
  const input = configInput(runtime, { settings: [], ...(configFile !== undefined && { configFile }) });
  // Only what the service will see: its own root and its own file, not the caller's environment.
  const { config } = loadConfig({ ...input, env: root === undefined ? {} : { ROXY_ROOT: root } });
  const program = exec === undefined ? self : [absolute(exec)];
  const text = unitText({
    scope,
    command: [...program, "serve", ...(configFile === undefined ? [] : ["--config", absolute(configFile)])],
    config,
    root: root === undefined || root === "" ? undefined : root,
    credentials: [
      ...(jwtSecret === undefined ? [] : [{ name: "podium_jwt_secret", file: absolute(jwtSecret) }]),
      ...(jwtKey === undefined ? [] : [{ name: "podium_jwt_private_key", file: absolute(jwtKey) }]),
    ],
  });
  const secret = jwtSecret ?? jwtKey;
  for (const file of [exec, secret]) {
    if (file === undefined || !isMissing(runtime, absolute(file))) continue;
    stderr(`Warning: There is no file ${printable(absolute(file))}: without it the service does not start\n`);
  }
  if (scope === "system") {
    const warn = (path: string, remedy: string): void =>
      void stderr(`Warning: ${printable(path)} is out of a system unit's reach: ${remedy}\n`);
    if (program.some(isOutOfReach)) warn(program.join(" "), "see --exec");
    const file = configFile && absolute(configFile);
    if (file !== undefined && isOutOfReach(file)) warn(file, `put it into ${systemSettings}`);
    // The service has a user of its own; the file holds no secret.
    if (file !== undefined && !isForAll(runtime, file)) warn(file, "chmod 644 it");
    for (const [key, path] of namedPaths(config)) if (isOutOfReach(path)) warn(`${path} (${key})`, remedyFor(key));
  }
  return text;
}

/** Every path that the configuration names, by its key. */
function namedPaths(config: Config): [key: PathKey, path: string][] {
  return pathKeys.flatMap((key): [PathKey, string][] => {
    const [section, name] = key.split(".") as [keyof Config, string];
    const path = (config[section] as Readonly<Record<string, unknown>>)[name];
    return typeof path === "string" ? [[key, path]] : [];
  });
}

type PathKey = (typeof pathKeys)[number];

function remedyFor(key: PathKey): string {
  // The service's user may read no file of root's that is closed to others: it gets secrets as credentials.
  if (key === "podium.jwt_secret_file") return "hand it over by --jwt-secret, and take the setting out";
  if (key === "podium.jwt_private_key_file") return "hand it over by --jwt-key, and take the setting out";
  if (key.startsWith("podium.jwt_")) {
    const credential = key.replace(".", "_").replace(/_file$/, "");
    return `hand it over by LoadCredential=${credential}:FILE in a drop-in, and take the setting out`;
  }
  if (key === "listen.socket") return `choose a place in ${systemRun}`;
  return key.startsWith("audit.") ? `choose a place in ${systemRoot}` : `put it into ${systemSettings}`;
}

/** Behind ProtectHome= and PrivateTmp=, or in a folder that only root may enter. */
function isOutOfReach(path: string): boolean {
  return /^\/(home|root|run\/user|tmp|var\/tmp)\//.test(path);
}

/** What a folder does not let us see may well be there. */
function isMissing({ files }: Runtime, path: string): boolean {
  try {
    return files.stat(path) === undefined;
  } catch {
    return false;
  }
}

function isForAll({ files }: Runtime, path: string): boolean {
  const facts = files.stat(path);
  return facts === undefined || (facts.mode & 0o004) !== 0;
}

function placeOf({ process: { env, home } }: Runtime, scope: Scope): string {
  if (scope === "system") return `/etc/systemd/system/${unitName}`;
  const base = env["XDG_CONFIG_HOME"]?.startsWith("/") ? env["XDG_CONFIG_HOME"] : `${home}/.config`;
  return `${base}/systemd/user/${unitName}`;
}

function install(runtime: Runtime, scope: Scope, text: string, dryRun: boolean): number {
  const { files, process } = runtime;
  const path = placeOf(runtime, scope);
  const before = textAt(files, path);
  if (before === text) {
    process.stdout(`${printable(path)} is as it should be\n`);
    return exitCodes.done;
  }
  const shown = printable(path);
  process.stdout(`--- ${before === "" ? "/dev/null" : shown}\n+++ ${shown}\n`);
  for (const line of lineDiff(before, text)) process.stdout(`${printableLines(line)}\n`);
  if (dryRun) return exitCodes.done;
  try {
    files.makeFolder(folderOf(path), 0o755);
    files.writeAtomic(path, text, 0o644);
  } catch (error) {
    throw new Fatal(`Cannot write ${path}: ${messageOf(error)}`);
  }
  const systemctl = scope === "user" ? "systemctl --user" : "systemctl";
  process.stdout(`Written. Next: ${systemctl} daemon-reload && ${systemctl} enable --now ${programName}\n`);
  return exitCodes.done;
}

/** What stands in the unit's place; nothing when nothing does. @throws Fatal */
function textAt(files: Runtime["files"], path: string): string {
  try {
    return files.stat(path) ? new TextDecoder().decode(files.readAll(path, unitBytesMax)) : "";
  } catch (error) {
    throw new Fatal(`Cannot read ${path}: ${messageOf(error)}`);
  }
}
