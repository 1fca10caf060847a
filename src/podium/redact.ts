/**
 * A Podium that repeats the token it was shown must not bring it into the log, a record or an answer, however it spells it:
 * as it is, in JSON, or in a URL.
 */
export function withoutToken(text: string, token: string | undefined): string {
  if (token === undefined || token === "") return text;
  let clean = text.replaceAll(token, mark);
  if (isPlain.test(token)) return clean;
  const json = JSON.stringify(token).slice(1, -1);
  for (const spelling of [json, json.replaceAll("/", String.raw`\/`), encodeURIComponent(token)]) {
    clean = clean.replaceAll(spelling, mark);
  }
  return clean;
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
