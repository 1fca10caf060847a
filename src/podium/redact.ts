import { tokenLengthMin } from "../wire/podium.ts";

/**
 * A Podium that repeats the token it was shown must not bring it into the log, a record or an answer, however it spells it:
 * as it is, in JSON, or in a URL.
 */
export function withoutToken(text: string, token: string | undefined): string {
  if (token === undefined || token.length < tokenLengthMin) return text;
  return text.replaceAll(isPlain.test(token) ? token : spellingsOf(token), mark);
}

/** The same for what Podium says unasked, where any token of ours may be meant: each JWT, and the one that never changes. */
export function withoutTokens(text: string, fixedToken: string | undefined): string {
  return withoutToken(text.replaceAll(jwt, mark), fixedToken);
}

const mark = "[token]";
/** Spelled the same everywhere, as every JWT is. */
const isPlain = /^[\w.~-]*$/;
/** A JSON object in base64url, which begins with `{"`, and two parts more (RFC 7519). */
const jwt = /eyJ[\w-]{8,4096}\.[\w-]{2,4096}\.[\w-]{16,1024}/g;

/** Of the one token that is not plain: the user's own, which does not change. */
let last: { readonly token: string; readonly spellings: RegExp } | undefined;

function spellingsOf(token: string): RegExp {
  if (last?.token !== token) last = { token, spellings: new RegExp(Array.from(token, spelling).join(""), "g") };
  return last.spellings;
}

/** One character, as it is, percent-encoded, or escaped as JSON may escape it; hexadecimal digits of either case. */
function spelling(character: string): string {
  if (isPlain.test(character)) return RegExp.escape(character);
  const units = Array.from({ length: character.length }, (_, i) => hex(character.charCodeAt(i), 4));
  const bytes = [...new TextEncoder().encode(character)].map((byte) => hex(byte, 2));
  // The longest first: of the shortest, another may be the beginning.
  const ways = [
    units.map((unit) => String.raw`\\u${unit}`).join(""),
    bytes.map((byte) => `%${byte}`).join(""),
    ...(character === "/" ? [String.raw`\\/`] : []),
    RegExp.escape(JSON.stringify(character).slice(1, -1)),
    RegExp.escape(character),
  ];
  return `(?:${ways.join("|")})`;
}

/** A pattern for a number's digits, of either case. */
function hex(number: number, digits: number): string {
  const text = number.toString(16).padStart(digits, "0");
  return text.replaceAll(/[a-f]/g, (digit) => `[${digit}${digit.toUpperCase()}]`);
}
