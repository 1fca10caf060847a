import type { Clock } from "../lib/clock.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Receipt } from "../wire/dispatch.ts";

const issuer = "roxy-core";
const encoder = new TextEncoder();

export interface TokenClaims {
  /** The user on whose behalf we speak. */
  readonly subject: string;
  /** `admin` may command, `viewer` may look. */
  readonly role: "admin" | "viewer";
  /** Becomes `jti`, so that Podium's own log points back into the audit log. */
  readonly auditId?: string;
  /** Place of the intent in the audit chain: makes Podium an outside witness. */
  readonly receipt?: Receipt;
}

export interface TokenOptions {
  /** `PODIUM_JWT_SECRET` */
  readonly secret?: string;
  /** `ROXY_PODIUM_TOKEN`: sent as it is, when there is no secret. */
  readonly fixedToken?: string;
  readonly ttlS: number;
  readonly clock: Clock;
  readonly hmacSha256: Runtime["hmacSha256"];
}

/** Makes the token for one request to Podium; undefined when Podium runs without tokens. */
export type TokenSource = (claims: TokenClaims) => Promise<string | undefined>;

/**
 * HS256 JSON Web Tokens (RFC 7519, RFC 7515), one for each request, valid for `ttlS` seconds. Signed in place: WebCrypto's
 * way to another thread and back would cost twenty times the signature, for each dispatch.
 */
export function createTokenSource({ secret, fixedToken, ttlS, clock, hmacSha256 }: TokenOptions): TokenSource {
  if (!secret) return () => Promise.resolve(fixedToken);
  const header = encoded({ alg: "HS256", typ: "JWT" });
  return (claims) => {
    const signed = signingInput(header, claims, clock, ttlS);
    return Promise.resolve(`${signed}.${hmacSha256(secret, signed)}`);
  };
}

/**
 * What a signature covers (RFC 7515 section 5.1): who, what for, since when and until when, and where it is on record.
 * @param header {@link encoded}
 */
export function signingInput(
  header: string,
  { subject, role, auditId, receipt }: TokenClaims,
  clock: Clock,
  ttlS: number,
): string {
  const issuedAt = Math.floor(clock.now() / 1000);
  const claims = {
    role,
    receipt,
    iss: issuer,
    sub: subject,
    iat: issuedAt,
    exp: issuedAt + ttlS,
    jti: auditId,
  };
  return `${header}.${encoded(claims)}`;
}

/** One part of a token: the base64url of its JSON, in which `undefined` is the same as absent. */
export function encoded(part: object): string {
  return base64url(encoder.encode(JSON.stringify(part)));
}

/** Without padding (RFC 7515 section 2). */
export function base64url(bytes: Uint8Array): string {
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
