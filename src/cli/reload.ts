import type { Loaded, LoadInput } from "../config/effective.ts";
import { settings } from "../config/keys.ts";
import { examineConfig, mistakeText } from "../config/load.ts";
import type { Config, Secrets } from "../config/schema.ts";
import type { Log } from "../lib/log.ts";

/** What a running gateway takes over without dropping anybody. Client tokens need no reload: their file is watched. */
export const liveKeys: ReadonlySet<string> = new Set([
  "limits.dispatch_per_minute",
  "limits.story_cooldown_s",
  "limits.body_bytes_max",
  "stream.types",
  "podium.token_ttl_s",
  "podium.stream_token_ttl_s",
  "log.level",
]);

const secretNames: readonly [keyof Secrets, string][] = [
  ["podiumJwtSecret", "PODIUM_JWT_SECRET"],
  ["podiumJwtSecretPrevious", "PODIUM_JWT_SECRET_PREVIOUS"],
  ["podiumJwtPrivateKey", "podium.jwt_private_key_file"],
  ["podiumJwtPrivateKeyPrevious", "podium.jwt_private_key_previous_file"],
  ["podiumToken", "ROXY_PODIUM_TOKEN"],
];

/** What is in force. */
export type InForce = Pick<Loaded, "config" | "secrets">;

export interface ReloadOptions {
  /** Reads everything anew: the same command line, the same environment. */
  readonly input: () => LoadInput;
  readonly log: Log;
  readonly apply: (next: InForce) => void;
}

/**
 * Reads the configuration again and takes over what can change. All or nothing: with one mistake anywhere, everything
 * stays as it is.
 * @returns what is in force from now on
 */
export function reload(current: InForce, { input, log, apply }: ReloadOptions): InForce {
  const { loaded, mistakes } = examineConfig(input());
  if (!loaded) {
    log.error("reload", { message: `nothing was changed: ${mistakeText(mistakes)}` });
    return current;
  }
  for (const warning of loaded.warnings) log.warn("configuration", { message: warning });
  const differing = settings.filter(({ path }) => !isSame(valueAt(current.config, path), valueAt(loaded.config, path)));
  const live = differing.filter(({ key }) => liveKeys.has(key));
  const fixed = differing.filter(({ key }) => !liveKeys.has(key)).map(({ key }) => key);
  const secrets = secretNames.filter(([key]) => current.secrets[key] !== loaded.secrets[key]).map(([, name]) => name);
  const config = structuredClone(current.config);
  for (const { path } of live) setAt(config, path, valueAt(loaded.config, path));
  const next: InForce = { config, secrets: loaded.secrets };
  apply(next);
  const changed = [...live.map(({ key }) => key), ...secrets];
  log.info("reload", { changed: changed.join(", ") || "nothing" });
  if (fixed.length > 0) log.warn("reload", { message: `these need a restart: ${fixed.join(", ")}` });
  return next;
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
