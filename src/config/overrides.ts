import type { JsonPath } from "./jsonc.ts";
import { defaultOf, isSectionPath, settingAt, takesText } from "./keys.ts";

export type Source = "default" | "file" | "environment" | "flag";

/** Where a value came from. */
export interface Origin {
  readonly source: Source;
  /** `file:line:column`, the environment's name, the flag, or "built in". */
  readonly where: string;
}

/** One value that replaces what the file says. */
export interface Override {
  readonly path: readonly string[];
  readonly value: unknown;
  readonly origin: Origin;
}

/** A value given on the command line, as the words that were typed. */
export interface FlagSetting {
  /** Dotted, such as `listen.port`. */
  readonly key: string;
  /** JSON or bare text; `takesText` keys take bare text even when it looks like a number. */
  readonly value: string;
  /** The shortcut that was used, such as `--port`; without it, `--set KEY`. */
  readonly flag?: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

const environmentKeys = [
  { name: "ROXY_PODIUM_BASE_URL", path: ["podium", "url"] },
  { name: "ROXY_PODIUM_WS", path: ["podium", "ws_url"] },
] as const;

/** Weakest first. An empty environment value counts as not set: that is what an unfilled template leaves. */
export function overridesOf(env: Environment, flags: readonly FlagSetting[], warnings: string[]): Override[] {
  const fromEnvironment = environmentKeys.flatMap(({ name, path }): Override[] => {
    const value = presentIn(env, name, warnings);
    return value === undefined ? [] : [{ path, value, origin: { source: "environment", where: name } }];
  });
  return [...fromEnvironment, ...flags.flatMap(overridesOfFlag)];
}

/** The value of an environment name; empty counts as not set, with a warning. */
export function presentIn(env: Environment, name: string, warnings: string[]): string | undefined {
  const value = env[name];
  if (value !== "") return value;
  warnings.push(`${name} is empty and counts as not set`);
  return undefined;
}

function overridesOfFlag({ key, value, flag }: FlagSetting): Override[] {
  const path = key.split(".");
  return spread(path, valueOfText(path, value), { source: "flag", where: flag ?? `--set ${key}` });
}

/** A whole section on the command line sets the keys it names and leaves the others alone. */
function spread(path: readonly string[], value: unknown, origin: Origin): Override[] {
  if (!isPlainObject(value) || !isSectionPath(path)) return [{ path, value, origin }];
  return Object.entries(value).flatMap(([name, inner]) => spread([...path, name], inner, origin));
}

function valueOfText(path: readonly string[], text: string): unknown {
  if (takesText(path) && !text.startsWith('"')) return text;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

/** The tree with the override in it; the tree itself stays as it was. */
export function withOverride(tree: unknown, override: Override): unknown {
  return placed(tree, override.path, override.value, []);
}

/** A key inside a setting (`podium.routes.halt.path`) keeps the rest of that setting, if need be of its default. */
function placed(tree: unknown, path: readonly string[], value: unknown, done: readonly string[]): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return value;
  const seed = settingAt(done);
  const base = tree === undefined && seed ? defaultOf(seed, "") : tree;
  const object = isPlainObject(base) ? base : {};
  const inner = Object.hasOwn(object, step) ? object[step] : undefined;
  const entry: [string, unknown] = [step, placed(inner, rest, value, [...done, step])];
  return Object.fromEntries([...Object.entries(object).filter(([name]) => name !== step), entry]);
}

/** Whether the override says something about the setting at this path: above it, at it or inside it. */
export function touches(override: Override, path: JsonPath): boolean {
  const shared = Math.min(override.path.length, path.length);
  return override.path.slice(0, shared).every((step, index) => step === path[index]);
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
