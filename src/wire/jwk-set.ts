import { z } from "zod";

const base64url = z.string().regex(/^[\w-]{43}$/);

/** A public key that Podium checks our tokens with: a JSON Web Key (RFC 7517) of RFC 8037. */
const publicKeySchema = z.object({
  kty: z.literal("OKP"),
  crv: z.literal("Ed25519"),
  x: base64url,
  use: z.literal("sig"),
  alg: z.literal("EdDSA"),
  /** RFC 7638 thumbprint: the same key has the same name, here and in a token's header. */
  kid: base64url,
});
export type PublicKey = z.output<typeof publicKeySchema>;

export const jwkSetSchema = z.object({ keys: z.array(publicKeySchema) });
export type JwkSet = z.output<typeof jwkSetSchema>;
