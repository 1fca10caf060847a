import type { z } from "zod";

/**
 * What a schema expects, for people who have never heard of it. For kinds of fault that the schemas here do not say
 * themselves; of anything else zod's own words stay.
 */
export function plainWords(issue: z.core.$ZodRawIssue): string | undefined {
  if (issue.code === "invalid_union" && Array.isArray(issue.options)) {
    const { input, discriminator = "" } = issue;
    return expectedOneOf((input as Readonly<Record<string, unknown>>)[discriminator], issue.options);
  }
  if (issue.code === "invalid_value") return expectedOneOf(issue.input, issue.values);
  if (issue.code === "invalid_type") {
    return issue.input === undefined ? "Missing" : `Expected ${typeWords[issue.expected] ?? issue.expected}`;
  }
  if (issue.code === "too_small") return `Expected at least ${amount(issue.minimum, issue.origin)}`;
  if (issue.code === "too_big") return `Expected at most ${amount(issue.maximum, issue.origin)}`;
  return undefined;
}

function expectedOneOf(given: unknown, choices: readonly unknown[]): string {
  const words = `${choices.length === 1 ? "" : "one of "}${choices.map(String).join(", ")}`;
  return given === undefined ? `Missing: expected ${words}` : `Expected ${words}`;
}

function amount(bound: number | bigint, origin: string): string {
  const [one, many] = countWords[origin] ?? [];
  if (one === undefined) return String(bound);
  return Number(bound) === 1 ? `one ${one}` : `${bound} ${many}`;
}

const countWords: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ["character", "characters"],
  array: ["entry", "entries"],
};

const typeWords: Readonly<Record<string, string>> = {
  string: "text",
  number: "a number",
  int: "a whole number",
  boolean: "true or false",
  object: "an object",
  record: "an object",
  array: "a list",
};
