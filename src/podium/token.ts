import type { Clock } from "../lib/clock.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Receipt } from "../wire/dispatch.ts";

/** RFC 7518 section 3.2: an HS256 key should have at least as many bits as the hash. */
export const secretBytesMin = 32;
const issuer = "roxy-core";

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

const header = base64url({ alg: "HS256", typ: "JWT" });

/**
 * HS256 JSON Web Tokens (RFC 7519, RFC 7515), one for each request, valid for `ttlS` seconds. Signed in place: WebCrypto's
 * way to another thread and back would cost twenty times the signature, for each dispatch.
 */
export function createTokenSource({ secret, fixedToken, ttlS, clock, hmacSha256 }: TokenOptions): TokenSource {
  if (!secret) return () => Promise.resolve(fixedToken);
  return ({ subject, role, auditId, receipt }) => {
    const issuedAt = Math.floor(clock.now() / 1000);
    const signed = `${header}.${base64url({
      role,
      ...(receipt && { receipt: { seq: receipt.seq, hash: receipt.hash } }),
      iss: issuer,
      sub: subject,
      iat: issuedAt,
      exp: issuedAt + ttlS,
      ...(auditId && { jti: auditId }),
    })}`;
    return Promise.resolve(`${signed}.${hmacSha256(secret, signed)}`);
  };
}

/** JSON as base64url without padding (RFC 7515 section 2). */
function base64url(value: object): string {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return bytes.toBase64({ alphabet: "base64url", omitPadding: true });
}
