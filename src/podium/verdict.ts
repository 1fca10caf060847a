import type { ProblemCode } from "../lib/errors.ts";
import type { ExchangeError, IncomingAnswer } from "../runtime/types.ts";
import { isRefusal } from "../wire/podium.ts";
import { withoutToken } from "./redact.ts";

/**
 * What became of one request to Podium.
 * `accepted`: Podium said yes. `refused`: Podium said no, nothing was executed. `unsent`: not a byte left.
 * `unknown`: the request left and no answer settles what it did.
 */
export type Verdict =
  | { readonly kind: "accepted"; readonly httpStatus: number; readonly json: string }
  | Failed<"refused" | "unsent" | "unknown">;

interface Failed<Kind extends string> {
  readonly kind: Kind;
  readonly code: ProblemCode;
  /** Plain words, with Podium's own where it spoke. */
  readonly detail: string;
  readonly httpStatus?: number;
  /** Podium's answer as it came, for the record. */
  readonly text?: string;
}

/** Podium's own words in a detail: enough for a sentence or a stack's first lines. */
const quoteLengthMax = 500;

export function verdictOfError(error: ExchangeError): Verdict {
  if (!error.sent) return { kind: "unsent", code: "podium_unreachable", detail: error.message };
  if (error.kind === "timeout") return { kind: "unknown", code: "podium_timeout", detail: error.message };
  return { kind: "unknown", code: "podium_invalid_response", detail: error.message };
}

/**
 * 2xx with JSON is a yes, unless the JSON says `"success": false`. 4xx is a no: the server understood the request and
 * declined (RFC 9110 section 15.5). 5xx and everything unreadable settle nothing: the command may have run before
 * Podium failed.
 */
export function verdictOfAnswer({ status, body }: IncomingAnswer, token?: string): Verdict {
  const raw = utf8.decode(body);
  const text = withoutToken(raw, token);
  const facts = { httpStatus: status, text };
  if (status >= 400 && status < 500) {
    return { kind: "refused", code: "podium_rejected", detail: `${status}: ${wordsIn(text)}`, ...facts };
  }
  if (status >= 500) {
    return { kind: "unknown", code: "podium_invalid_response", detail: `${status}: ${wordsIn(text)}`, ...facts };
  }
  if (status < 200 || status >= 300) {
    return { kind: "unknown", code: "podium_invalid_response", detail: `unexpected status ${status}`, ...facts };
  }
  // Judged as it came: what is taken out of it may have been part of its JSON.
  const value = parse(raw);
  if (value === undefined) {
    const detail = text.trim() === "" ? "an empty answer" : `not JSON: ${quote(text)}`;
    return { kind: "unknown", code: "podium_invalid_response", detail, ...facts };
  }
  if (isRefusal(value)) {
    return { kind: "refused", code: "podium_rejected", detail: wordsIn(text), ...facts };
  }
  const isJson = text === raw || parse(text) !== undefined;
  return { kind: "accepted", httpStatus: status, json: isJson ? text : JSON.stringify(text) };
}

/** Ill-formed UTF-8 becomes U+FFFD: what we keep must be text. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: false });

function parse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The sentence in an error answer: its `error`, `message` or `detail` when it has one, else the text itself. */
function wordsIn(text: string): string {
  const value = parse(text);
  if (typeof value === "object" && value !== null) {
    const { error, message, detail } = value as Record<string, unknown>;
    for (const words of [error, message, detail]) {
      if (typeof words === "string" && words !== "") return quote(words);
      if (typeof words === "object" && words !== null) return quote(print(words, text) ?? text);
    }
  }
  return text.trim() === "" ? "no words" : quote(text);
}

/** Characters of an answer whose words are printed: a longer one may be nested so deeply that this alone takes seconds. */
const printedLengthMax = 16_384;

/** What can be parsed can't always be printed: it may be nested too deeply for that. */
function print(words: object, text: string): string | undefined {
  if (text.length > printedLengthMax) return undefined;
  try {
    return JSON.stringify(words);
  } catch {
    return undefined;
  }
}

function quote(words: string): string {
  const plain = words
    .toWellFormed()
    .replaceAll(/\p{C}+/gu, " ")
    .trim();
  return plain.length > quoteLengthMax ? `${plain.slice(0, quoteLengthMax).toWellFormed()}…` : plain;
}
