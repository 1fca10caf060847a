import type { Clock } from "../lib/clock.ts";
import { ed25519Pkcs8 } from "../lib/ed25519-pem.ts";
import type { PublicKey } from "../wire/jwk-set.ts";
import type { TokenSource } from "./token.ts";
import { base64url, encoded, signingInput } from "./token.ts";

/** A key that signs tokens for Podium. Podium needs only its public half, which we publish. */
export interface EdDsaKey {
  /** As it stands in `/.well-known/jwks.json`. */
  readonly published: PublicKey;
  /** A detached signature, base64url. */
  sign(text: string): Promise<string>;
}

export interface EdDsaTokenOptions {
  readonly key: Promise<EdDsaKey>;
  readonly ttlS: number;
  readonly clock: Clock;
}

const encoder = new TextEncoder();

/**
 * @param pem as `podium.jwt_private_key_file` holds it, which the configuration has looked at
 * @throws Error when it is not an Ed25519 private key
 */
export async function eddsaKey(pem: string): Promise<EdDsaKey> {
  const der = ed25519Pkcs8(pem);
  if (!der) throw new Error("Not an Ed25519 private key in PKCS #8 PEM");
  // Extractable, because the public half is read from it.
  const key = await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]);
  const { x = "" } = await crypto.subtle.exportKey("jwk", key);
  return {
    published: { kty: "OKP", crv: "Ed25519", x, use: "sig", alg: "EdDSA", kid: await thumbprint(x) },
    sign: async (text) => base64url(new Uint8Array(await crypto.subtle.sign("Ed25519", key, encoder.encode(text)))),
  };
}

/** RFC 7638: the required members in the order of their names (RFC 8037 section 2), hashed. */
async function thumbprint(x: string): Promise<string> {
  const members = encoder.encode(JSON.stringify({ crv: "Ed25519", kty: "OKP", x }));
  return base64url(new Uint8Array(await crypto.subtle.digest("SHA-256", members)));
}

/** EdDSA JSON Web Tokens (RFC 8037), one for each request, with the same claims as those that a secret signs. */
export function createEdDsaTokenSource({ key, ttlS, clock }: EdDsaTokenOptions): TokenSource {
  return async (claims) => {
    const { published, sign } = await key;
    const signed = signingInput(encoded({ alg: "EdDSA", typ: "JWT", kid: published.kid }), claims, clock, ttlS);
    return `${signed}.${await sign(signed)}`;
  };
}
