import type { Fault } from "../lib/errors.ts";

/** Arrays and objects inside each other; our deepest request has 3 levels, so 16 leaves room and stops stack tricks. */
export const jsonDepthMax = 16;

export type StrictJson = { ok: true; value: unknown } | { ok: false; fault: Fault };

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Parses JSON as RFC 8259 with the doors closed that RFC 7493 (I-JSON) closes: valid UTF-8, no duplicate keys, no lone
 * surrogates; and no `__proto__`, no nesting past {@link jsonDepthMax}.
 */
export function parseStrictJson(bytes: Uint8Array): StrictJson {
  let text: string;
  try {
    text = utf8.decode(bytes);
  } catch {
    return refuse("", "The body is not valid UTF-8");
  }
  if (text.trim() === "") return refuse("", "The body is empty: send a JSON object");
  if (depthOf(text) > jsonDepthMax) return refuse("", `The body is nested deeper than ${jsonDepthMax} levels`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return refuse("", "The body is not valid JSON");
  }
  const fault = faultIn(text);
  return fault ? { ok: false, fault } : { ok: true, value };
}

function refuse(pointer: string, detail: string): StrictJson {
  return { ok: false, fault: { pointer, detail } };
}

/** Deepest nesting of brackets outside strings; works on any text, so that it can run before the parser. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '"') i = endOfString(text, i);
    else if (char === "{" || char === "[") deepest = Math.max(deepest, ++depth);
    else if (char === "}" || char === "]") depth--;
  }
  return deepest;
}

/** Index of the quote that closes the string opened at `start` (or the end of the text). */
function endOfString(text: string, start: number): number {
  let i = start + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === "\\" ? 2 : 1;
  return i;
}

/** What JSON.parse lets pass silently: duplicate keys, `__proto__`, lone surrogates. The text is valid JSON already. */
function faultIn(text: string): Fault | undefined {
  const keysOf: (Set<string> | undefined)[] = [];
  // UTF-8 has no lone surrogates; an escape may make one.
  const mayBeIllFormed = text.includes("\\u");
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === "{") keysOf.push(new Set());
    else if (char === "[") keysOf.push(undefined);
    else if (char === "}" || char === "]") keysOf.pop();
    else if (char === '"') {
      const start = i;
      i = endOfString(text, start);
      const isKey = isKeyBefore(text, i);
      if (!isKey && !mayBeIllFormed) continue;
      const word = wordAt(text, start, i);
      if (!word.isWellFormed()) return { pointer: "", detail: "A string holds a lone surrogate, which is not text" };
      if (!isKey) continue;
      const keys = keysOf.at(-1);
      if (word === "__proto__") return { pointer: "", detail: 'The key "__proto__" is not allowed' };
      if (keys?.has(word)) return { pointer: "", detail: `The key ${JSON.stringify(word)} stands twice` };
      keys?.add(word);
    }
  }
  return undefined;
}

/** @param end index of the closing quote */
function wordAt(text: string, start: number, end: number): string {
  const word = text.slice(start + 1, end);
  return word.includes("\\") ? (JSON.parse(`"${word}"`) as string) : word;
}

function isKeyBefore(text: string, endQuote: number): boolean {
  let i = endQuote + 1;
  while (text[i] === " " || text[i] === "\n" || text[i] === "\r" || text[i] === "\t") i++;
  return text[i] === ":";
}
