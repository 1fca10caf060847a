import type { Loaded, LoadInput } from "../config/effective.ts";
import { settings } from "../config/keys.ts";
import { examineConfig, mistakeText } from "../config/load.ts";
import type { Config, Secrets } from "../config/schema.ts";
import type { Log } from "../lib/log.ts";

/** What a running gateway takes over without dropping anybody. Client tokens need no reload: their file is watched. */
const liveKeys: ReadonlySet<string> = new Set([
  "limits.dispatch_per_minute",
  "limits.story_cooldown_s",
  "limits.body_bytes_max",
  "stream.types",
  "podium.token_ttl_s",
  "podium.stream_token_ttl_s",
  "podium.jwt_secret_file",
  "podium.jwt_secret_previous_file",
  "podium.jwt_private_key_file",
  "podium.jwt_private_key_previous_file",
  "log.level",
]);

interface SecretName {
  readonly secret: keyof Secrets;
  /** As people know it. */
  readonly name: string;
  /** The setting that may name a file with it. */
  readonly setting?: keyof Config["podium"];
}

const secretNames: readonly SecretName[] = [
  { secret: "podiumJwtSecret", name: "PODIUM_JWT_SECRET", setting: "jwt_secret_file" },
  { secret: "podiumJwtSecretPrevious", name: "PODIUM_JWT_SECRET_PREVIOUS", setting: "jwt_secret_previous_file" },
  { secret: "podiumJwtPrivateKey", name: "podium.jwt_private_key_file", setting: "jwt_private_key_file" },
  {
    secret: "podiumJwtPrivateKeyPrevious",
    name: "podium.jwt_private_key_previous_file",
    setting: "jwt_private_key_previous_file",
  },
  { secret: "podiumToken", name: "ROXY_PODIUM_TOKEN" },
];

/** What is in force. */
export type InForce = Pick<Loaded, "config" | "secrets" | "secretOrigins" | "file" | "fileSpeaks">;

export interface ReloadOptions {
  /** Reads everything anew: the same command line, the same environment. */
  readonly input: () => LoadInput;
  readonly log: Log;
  readonly apply: (next: InForce) => void;
}

/**
 * Reads the configuration again and takes over what can change. All or nothing: with one mistake anywhere, everything
 * stays as it is. A file or a secret that is gone is a mistake too: half an edit or a full disk must not widen the limits
 * or leave Podium without a token.
 * @returns what is in force from now on
 */
export function reload(current: InForce, { input, log, apply }: ReloadOptions): InForce {
  const { loaded, mistakes } = examineConfig(input());
  if (!loaded) {
    log.error("reload", { message: `nothing was changed: ${mistakeText(mistakes)}` });
    return current;
  }
  const missing = missingSince(current, loaded);
  if (missing !== undefined) {
    log.error("reload", { message: `nothing was changed: ${missing}` });
    return current;
  }
  for (const warning of loaded.warnings) log.warn("configuration", { message: warning });
  const differing = settings.filter(({ path }) => !isSame(valueAt(current.config, path), valueAt(loaded.config, path)));
  const live = differing.filter(({ key }) => liveKeys.has(key));
  const fixed = differing.filter(({ key }) => !liveKeys.has(key)).map(({ key }) => key);
  const secrets = secretNames.filter(({ secret }) => current.secrets[secret] !== loaded.secrets[secret]);
  const config = structuredClone(current.config);
  for (const { path } of live) setAt(config, path, valueAt(loaded.config, path));
  const next: InForce = { ...loaded, config };
  apply(next);
  const changed = new Set([...live.map(({ key }) => key), ...secrets.map(({ name }) => name)]);
  log.info("reload", { changed: [...changed].join(", ") || "nothing" });
  if (fixed.length > 0) log.warn("reload", { message: `these need a restart: ${fixed.join(", ")}` });
  return next;
}

/** What was there and is not any more without anybody having taken its setting out; undefined when all is there. */
function missingSince(current: InForce, loaded: Loaded): string | undefined {
  if (current.fileSpeaks && !loaded.fileSpeaks) {
    const how = loaded.file === undefined ? "is gone" : "is empty";
    return `${current.file} ${how}; write {} into it if the defaults are meant`;
  }
  const lost = secretNames.find(
    ({ secret, setting }) =>
      current.secrets[secret] !== undefined &&
      loaded.secrets[secret] === undefined &&
      !isTakenOut(current.secretOrigins[secret], setting, loaded),
  );
  return lost && `${current.secretOrigins[lost.secret]} is gone; to do without it, take its setting out`;
}

function isTakenOut(origin: string | undefined, setting: SecretName["setting"], { config }: Loaded): boolean {
  if (setting === undefined || !origin?.startsWith(`podium.${setting} `)) return false;
  return config.podium[setting] === undefined;
}

function valueAt(config: Config, path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, step) => (inner as Record<string, unknown> | undefined)?.[step], config);
}

function setAt(config: Config, path: readonly string[], value: unknown): void {
  const parent = valueAt(config, path.slice(0, -1)) as Record<string, unknown>;
  parent[path.at(-1) ?? ""] = value;
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
