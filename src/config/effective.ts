import { Fatal } from "../lib/errors.ts";
import type { Jsonc, JsonPath } from "./jsonc.ts";
import { defaultOf, settings } from "./keys.ts";
import type { Mistake } from "./mistakes.ts";
import { once } from "./mistakes.ts";
import type { Environment, FlagSetting, Origin, Override } from "./overrides.ts";
import { touches, withOverride } from "./overrides.ts";
import { folderOf, isInside, resolvePath } from "./paths.ts";
import { doorMistake, listenMistake, normalBaseUrl, routeMistakes, sameHost, wsUrlOf } from "./rules.ts";
import type { Config, Secrets } from "./schema.ts";
import { auditDefaults, configSchema, pathKeys } from "./schema.ts";
import type { NamedFile, ReadingFiles, SecretsRead } from "./secrets.ts";
import { checkSecretFile, readSecrets } from "./secrets.ts";

/** What the process stands in. */
export interface Surroundings {
  readonly env: Environment;
  /** The user's home folder. */
  readonly home: string;
  /** The working folder, which relative paths of flags and environment count from. */
  readonly cwd: string;
}

export interface LoadInput extends Surroundings, ReadingFiles {
  readonly args: { readonly configFile?: string; readonly settings: readonly FlagSetting[] };
}

export interface Loaded {
  /** Frozen to its last list. Paths are absolute, podium.url has no final slash. */
  readonly config: Config;
  readonly secrets: Secrets;
  /** Where each secret came from. */
  readonly secretOrigins: SecretsRead["origins"];
  /** Every setting by its dotted key; a list or a route counts as one setting. */
  readonly provenance: ReadonlyMap<string, Origin>;
  readonly warnings: readonly string[];
  /** `$ROXY_ROOT`, absolute. */
  readonly root: string;
  /** The file that was read; undefined when there was none. */
  readonly file: string | undefined;
  /** Whether that file holds a JSON value, and not only comments or nothing. */
  readonly fileSpeaks: boolean;
}

/** The sources of values, weakest first: defaults (by the root), file, overrides. */
export interface Layers {
  readonly input: LoadInput;
  readonly root: string;
  readonly wantedFile: string;
  readonly file: Jsonc | undefined;
  readonly overrides: readonly Override[];
}

export function placeIn(
  file: Jsonc,
  path: string,
  { path: at, part }: { path: JsonPath; part: "key" | "value" },
): string {
  const { line, column } = file.placeOf(at, part);
  return `${path}:${line}:${column}`;
}

/** All layers laid over each other. The layers are right by themselves; what is left are rules between settings. */
export function effective(layers: Layers, mistakes: Mistake[], warnings: string[]): Loaded | undefined {
  const { input, root } = layers;
  const provenance = provenanceOf(layers);
  const tree = derived(mergedTree(layers), provenance);
  const parsed = configSchema.safeParse(tree, once);
  if (!parsed.success) throw new Fatal(`Cannot combine the settings: ${parsed.error.message}`);
  const config = withPaths(structuredClone(parsed.data), layers, provenance);
  config.podium.url = normalBaseUrl(config.podium.url);
  const whereOf = (key: string): string => provenance.get(key)?.where ?? "";
  const refusal = listenMistake(config);
  if (refusal !== undefined) mistakes.push({ where: whereOf("listen.host"), key: "listen.host", detail: refusal });
  const door = doorMistake(config);
  if (door) mistakes.push({ where: whereOf(door.key), ...door });
  for (const mistake of routeMistakes(config)) mistakes.push({ where: whereOf(mistake.key), ...mistake });
  const named = (key: string, path: string | undefined): NamedFile | undefined =>
    path === undefined ? undefined : { key, path, where: whereOf(key) };
  const { podium } = config;
  const secretFiles = {
    jwtSecret: named("podium.jwt_secret_file", podium.jwt_secret_file),
    jwtSecretPrevious: named("podium.jwt_secret_previous_file", podium.jwt_secret_previous_file),
    jwtPrivateKey: named("podium.jwt_private_key_file", podium.jwt_private_key_file),
    jwtPrivateKeyPrevious: named("podium.jwt_private_key_previous_file", podium.jwt_private_key_previous_file),
  };
  const { secrets, origins } = readSecrets(input.env, input, secretFiles, mistakes, warnings);
  const tokenFile = named("auth.token_file", config.auth.token_file);
  if (tokenFile) checkSecretFile(input, tokenFile, mistakes, warnings);
  warnings.push(...combinationWarnings(config, provenance));
  if (mistakes.length > 0) return undefined;
  return {
    config: frozen(config),
    secrets: frozen(secrets),
    secretOrigins: origins,
    provenance,
    warnings,
    root,
    file: layers.file && layers.wantedFile,
    fileSpeaks: layers.file?.value !== undefined,
  };
}

interface Tree {
  [section: string]: unknown;
}

function mergedTree({ file, overrides, root }: Layers): Tree {
  const { $schema: _, ...laid } = overrides.reduce(withOverride, file?.value ?? {}) as Tree;
  return { ...laid, audit: { ...auditDefaults(root), ...(laid["audit"] as Tree | undefined) } };
}

function provenanceOf({ file, wantedFile, overrides, root }: Layers): Map<string, Origin> {
  return new Map(
    settings.map((setting): [string, Origin] => {
      const { key, path } = setting;
      const override = overrides.findLast((candidate) => touches(candidate, path));
      if (override) return [key, override.origin];
      if (file?.has(path)) return [key, { source: "file", where: placeIn(file, wantedFile, { path, part: "key" }) }];
      const hangsOnRoot = setting.builtIn === undefined && defaultOf(setting, root) !== undefined;
      return [key, { source: "default", where: hangsOnRoot ? `built in, under ${root}` : "built in" }];
    }),
  );
}

/** A Podium that was moved by its URL alone has moved its WebSocket too. */
function derived(tree: Tree, provenance: Map<string, Origin>): Tree {
  const url = provenance.get("podium.url");
  if (!url || url.source === "default" || provenance.get("podium.ws_url")?.source !== "default") return tree;
  const podium = tree["podium"] as { url: string };
  provenance.set("podium.ws_url", { source: url.source, where: `derived from podium.url (${url.where})` });
  return { ...tree, podium: { ...podium, ws_url: wsUrlOf(podium.url) } };
}

/** Paths in the file count from its folder, all others from the working folder. */
function withPaths(config: Config, layers: Layers, provenance: ReadonlyMap<string, Origin>): Config {
  const { home, cwd } = layers.input;
  for (const key of pathKeys) {
    const folder = provenance.get(key)?.source === "file" ? folderOf(layers.wantedFile) : cwd;
    const [section, name] = key.split(".") as [keyof Config, string];
    const values = config[section] as Record<string, string | undefined>;
    const value = values[name];
    if (value !== undefined) values[name] = resolvePath(value, { folder, home });
  }
  return config;
}

/** What is allowed, but probably not meant. */
function combinationWarnings(config: Config, provenance: ReadonlyMap<string, Origin>): string[] {
  const warnings: string[] = [];
  const { url, ws_url: wsUrl } = config.podium;
  if (!sameHost(url, wsUrl)) {
    const [from, wsFrom] = [provenance.get("podium.url")?.where, provenance.get("podium.ws_url")?.where];
    const danger = "commands go to one, telemetry comes from the other";
    warnings.push(`podium.url (${from}) and podium.ws_url (${wsFrom}) name different hosts: ${danger}`);
  }
  if (isInside(config.audit.checkpoint_key_file, config.audit.dir)) {
    warnings.push("audit.checkpoint_key_file lies inside audit.dir: who can change the log could then also sign it");
  }
  return warnings;
}

function frozen<T extends object>(value: T): T {
  for (const inner of Object.values(value)) if (typeof inner === "object" && inner !== null) frozen(inner as object);
  return Object.freeze(value);
}
