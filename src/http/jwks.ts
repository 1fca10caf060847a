import { Hono } from "hono";
import type { JwkSet } from "../wire/jwk-set.ts";
import type { HttpEnv } from "./app.ts";

export interface JwksRouteDeps {
  /** Podium's means to check our tokens: the public keys in use, none where a shared secret signs. */
  readonly jwks: () => Promise<JwkSet>;
}

/** Verifiers ask again when they meet a `kid` that they do not know; this spares the questions in between. */
const keptS = 60;

/** `GET /.well-known/jwks.json` (RFC 7517 section 5). Public by nature, so before authentication. */
export function jwksRoute({ jwks }: JwksRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/.well-known/jwks.json", async () => {
    const headers = { "content-type": "application/jwk-set+json", "cache-control": `max-age=${keptS}` };
    return new Response(JSON.stringify(await jwks()), { headers });
  });
}
