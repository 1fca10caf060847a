import type { z } from "zod";
import type { JsonPath } from "./jsonc.ts";
import { knownKeysAt, settingsNamed } from "./keys.ts";
import { nearest } from "./nearest.ts";

/** One thing that is wrong with the configuration, ready to be printed: it never holds a value from the outside. */
export interface Mistake {
  /** `file:line:column`, an environment name or a flag. */
  readonly where: string;
  /** Dotted; empty for a syntax error. */
  readonly key: string;
  /** What was expected. */
  readonly detail: string;
}

export function lineOf(mistake: Mistake): string {
  return [mistake.where, mistake.key, mistake.detail].filter((part) => part !== "").join(": ");
}

/** A mistake that has no place yet. `part` is what to point at. */
export interface Finding {
  readonly path: JsonPath;
  readonly part: "key" | "value";
  readonly detail: string;
}

/** A schema that is used once is not worth the code that the library would make for it: that takes most of the time. */
export const once = { jitless: true };

/** Everything about a parsed tree that the schema does not allow; of each value the first thing. */
export function findingsIn(schema: z.ZodType, tree: unknown): Finding[] {
  const parsed = schema.safeParse(tree, { error: wordsOf, ...once });
  if (parsed.success) return [];
  const first = new Map<string, Finding>();
  for (const finding of parsed.error.issues.flatMap((issue) => findingsOf(issue, tree))) {
    const path = JSON.stringify(finding.path);
    if (!first.has(path)) first.set(path, finding);
  }
  return [...first.values()];
}

/** `services[0].url`, and quotes where a stranger's key could be misread (or forge a line). */
export function dotted(path: JsonPath): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      const name = /^[\w$-]{1,80}$/.test(step) ? step : quoted(step);
      return index === 0 ? name : `.${name}`;
    })
    .join("");
}

function quoted(name: string): string {
  const ascii = JSON.stringify(name).replaceAll(/[^\x20-\x7e]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
  return ascii.length > 82 ? `${ascii.slice(0, 80)}…"` : ascii;
}

function findingsOf(issue: z.core.$ZodIssue, tree: unknown): Finding[] {
  const path = issue.path.filter((step) => typeof step !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({ path: [...path, key], part: "key", detail: unknownKeyWords(path, key) }));
  }
  return [{ path, part: "value", detail: issue.message + gotWords(issue, path, tree) }];
}

/** For the few kinds that do not say themselves what they expect. */
function wordsOf(issue: z.core.$ZodRawIssue): string {
  if (issue.code === "invalid_type") return `Expected ${typeWords[issue.expected] ?? String(issue.expected)}`;
  if (issue.code === "invalid_value") return `Expected ${issue.values.map(String).join(" or ")}`;
  if (issue.code === "invalid_union") return "Expected text in quotes, a number, true or false";
  return "Expected something else";
}

const typeWords: Readonly<Record<string, string>> = {
  string: "text in quotes",
  number: "a number",
  boolean: "true or false",
  object: "an object in braces",
  record: "an object in braces",
  array: "a list in brackets",
};

/**
 * What stood there instead. Text is never quoted: it may be a secret in the wrong place. A word that is nearly one of
 * the choices is answered with that choice.
 */
function gotWords(issue: z.core.$ZodIssue, path: JsonPath, tree: unknown): string {
  const got = valueAt(tree, path);
  if (got === undefined) return ", but it is missing";
  if (typeof got === "string") {
    if (issue.code === "invalid_type") return ", got text";
    const near = issue.code === "invalid_value" ? nearest(got, issue.values.map(String)) : undefined;
    return near === undefined ? "" : ` (nearest: ${near})`;
  }
  if (got === null || typeof got === "boolean" || typeof got === "number") return `, got ${got}`;
  if (issue.code === "too_big") return `, got ${Array.isArray(got) ? got.length : "more"}`;
  return Array.isArray(got) ? ", got a list" : ", got an object";
}

function unknownKeyWords(parent: JsonPath, key: string): string {
  const near = nearWords(parent, key);
  if (looksSecret(key)) return near.startsWith("nearest") ? `Unknown key (${near}). ${secretWords}` : secretWords;
  return near === "" ? "Unknown key" : `Unknown key (${near})`;
}

function nearWords(parent: JsonPath, key: string): string {
  const known = knownKeysAt(parent) ?? [];
  const near = nearest(key, known);
  if (near !== undefined) return `nearest known key: ${dotted([...parent, near])}`;
  const elsewhere = settingsNamed(key);
  if (elsewhere.length > 0) return `nearest known key: ${elsewhere.join(" or ")}`;
  return known.length > 0 ? `known here: ${known.join(", ")}` : "";
}

function looksSecret(key: string): boolean {
  return /secret|token|passw|passphrase|jwt|api[-_]?key|private|credential/i.test(key);
}

const secretWords =
  "A secret must not stand in the configuration or on the command line. It may live in a file named by " +
  "podium.jwt_secret_file, in the environment (PODIUM_JWT_SECRET, ROXY_PODIUM_TOKEN) or in a systemd credential " +
  "(podium_jwt_secret, podium_token)";

function valueAt(tree: unknown, path: JsonPath): unknown {
  let value = tree;
  for (const step of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
