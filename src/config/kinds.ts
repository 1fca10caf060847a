import { z } from "zod";

/**
 * The kinds of values that settings take. Each says in plain words, with its unit, what it expects; the same words
 * stand in mistake reports and in the file that `config init` writes.
 */

/** The words that follow "Expected ". */
const expectations = z.registry<{ words: string }>();

/** Undefined for a kind that is not from this page (the routes to Podium). */
export function expectationOf(schema: z.core.$ZodType): string | undefined {
  return expectations.get(schema)?.words;
}

function expecting<S extends z.ZodType>(schema: S, words: string): S {
  expectations.add(schema, { words });
  return schema;
}

/** @param unit plural, such as "seconds"; left out for a bare number */
export function whole(min: number, max: number, unit?: string) {
  const words = `a whole number${unit ? ` of ${unit}` : ""} from ${min} to ${max}`;
  const error = `Expected ${words}`;
  return expecting(z.int(error).min(min, error).max(max, error), words);
}

export function oneOf<const W extends readonly [string, ...string[]]>(choices: W) {
  const words = `${choices.slice(0, -1).join(", ")} or ${choices.at(-1)}`;
  return expecting(z.enum(choices, `Expected ${words}`), words);
}

export function yesNo() {
  const words = "true or false";
  return expecting(z.boolean(`Expected ${words}`), words);
}

/** One line of text. */
export function text(charactersMax: number) {
  const words = `text of 1 to ${charactersMax} characters in quotes, on one line`;
  const error = `Expected ${words}`;
  return expecting(
    z
      .string(error)
      .min(1, error)
      .max(charactersMax, error)
      .regex(/^\P{Cc}*$/u, error),
    words,
  );
}

export function shaped(pattern: RegExp, words: string) {
  const error = `Expected ${words}`;
  return expecting(z.string(error).max(2048, error).regex(pattern, error), words);
}

/** Control characters would forge lines wherever the path is written. */
export const pathPattern = /^\P{Cc}+$/u;

/** PATH_MAX of Linux is 4096 bytes. */
export function path() {
  return shaped(pathPattern, "a path in quotes; ~/ and paths relative to this file are understood");
}

/** unix(7): an address has room for 108 bytes with its end on Linux, 104 on macOS. */
export function socketPath() {
  const words = "the path of a unix socket, at most 103 bytes";
  return expecting(
    path().refine((value) => new TextEncoder().encode(value).length <= 103, `Expected ${words}`),
    words,
  );
}

export function list<S extends z.ZodType>(item: S, itemsMax: number, of: string) {
  const words = `a list of at most ${itemsMax} ${of} in brackets`;
  const error = `Expected ${words}`;
  return expecting(z.array(item, error).max(itemsMax, error), words);
}

/** A base that paths are added to: so neither query nor fragment. */
export function httpBaseUrl() {
  const words = "an http:// or https:// URL";
  const error = `Expected ${words}`;
  const schema = z
    .url({ protocol: /^https?$/, error })
    .refine((value) => !hasCredentials(value), noCredentials)
    .refine((value) => !/[?#]/.test(value), `${error} without '?' or '#': paths are added to it`);
  return expecting(schema, words);
}

/** RFC 6455 section 3 forbids fragments. A token in the query would be printed with the URL. */
export function wsUrl() {
  const words = "a ws:// or wss:// URL";
  const error = `Expected ${words}`;
  const schema = z
    .url({ protocol: /^wss?$/, error })
    .refine((value) => /^wss?:\/\//i.test(value), error)
    .refine((value) => !hasCredentials(value), noCredentials)
    .refine((value) => !value.includes("#"), `${error} without '#'`)
    .refine(
      (value) => !URL.canParse(value) || !new URL(value).searchParams.has("token"),
      `${error} without token=: a fixed token belongs in the environment, as ROXY_PODIUM_TOKEN`,
    );
  return expecting(schema, words);
}

const noCredentials = "Expected a URL without a user name or password: settings are printed, secrets never are";

function hasCredentials(value: string): boolean {
  if (!URL.canParse(value)) return false;
  const { username, password } = new URL(value);
  return username !== "" || password !== "";
}
