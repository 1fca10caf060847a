import type { MiddlewareHandler } from "hono";
import { Problem } from "../lib/errors.ts";
import type { HttpEnv } from "./app.ts";

export type Authenticate = MiddlewareHandler<HttpEnv>;

/** Local clients need no login: whoever reaches the loopback address may ask. */
export const trustLocal: Authenticate = async (_c, next) => next();

/**
 * Asks for the token of `auth.token_file`, as `Authorization: Bearer` or `X-ROXY-Token`.
 * Both sides are hashed first, so that the comparison takes the same time whatever was sent.
 */
export function requireToken(token: string, sha256: (text: string) => string): Authenticate {
  const wanted = sha256(token);
  return async (c, next) => {
    const bearer = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
    const given = c.req.header("x-roxy-token") ?? bearer;
    if (given === undefined || !equal(sha256(given), wanted)) {
      throw new Problem(
        "unauthorized",
        "A valid token is needed (X-ROXY-Token or Authorization: Bearer); nothing was executed",
        {
          headers: { "www-authenticate": "Bearer" },
        },
      );
    }
    c.set("owner", "token");
    await next();
  };
}

function equal(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}
