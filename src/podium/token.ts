import { SignJWT } from "jose";
import type { Clock } from "../lib/clock.ts";
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
}

/** Makes the token for one request to Podium; undefined when Podium runs without tokens. */
export type TokenSource = (claims: TokenClaims) => Promise<string | undefined>;

/** HS256 JSON Web Tokens (RFC 7519), one for each request, valid for `ttlS` seconds. */
export function createTokenSource({ secret, fixedToken, ttlS, clock }: TokenOptions): TokenSource {
  if (!secret) return () => Promise.resolve(fixedToken);
  // Imported once: importing the raw bytes again for each token costs more than the signature.
  const key = crypto.subtle.importKey(
    "raw",
    new TextEncoder().encode(secret),
    { name: "HMAC", hash: "SHA-256" },
    false,
    ["sign"],
  );
  return async ({ subject, role, auditId, receipt }) => {
    const issuedAt = Math.floor(clock.now() / 1000);
    const token = new SignJWT({ role, ...(receipt && { receipt: { seq: receipt.seq, hash: receipt.hash } }) })
      .setProtectedHeader({ alg: "HS256", typ: "JWT" })
      .setIssuer(issuer)
      .setSubject(subject)
      .setIssuedAt(issuedAt)
      .setExpirationTime(issuedAt + ttlS);
    if (auditId) token.setJti(auditId);
    return token.sign(await key);
  };
}
