import type { Context, MiddlewareHandler } from "hono";
import { Problem } from "../lib/errors.ts";
import type { HttpEnv } from "./app.ts";
import type { ClientToken } from "./client-tokens.ts";
import type { Pass } from "../stream/clients.ts";
import type { Sessions } from "./sessions.ts";
import type { TokenStore } from "./token-store.ts";

/** Who may come in: the tokens, and the browsers that have shown one. */
export interface Doorkeeper {
  readonly tokens: TokenStore;
  readonly sessions: Sessions;
}

export const sessionCookie = "roxy_session";

/**
 * Asks for a token of `auth.token_file`, as `Authorization: Bearer` or `X-ROXY-Token`, or for the cookie of a session
 * that was begun with one. What is sent is hashed before it is compared.
 */
export function requireToken(doorkeeper: Doorkeeper): MiddlewareHandler<HttpEnv> {
  const { tokens } = doorkeeper;
  return (c, next) => {
    const given = givenToken(c);
    const pass = given === undefined ? sessionPass(c, doorkeeper) : tokenPass(tokens, tokens.ownerOf(given)?.hash);
    const owner = pass?.owner();
    if (!pass || !owner) {
      throw new Problem(
        "unauthorized",
        "A valid token is needed (X-ROXY-Token or Authorization: Bearer); nothing was executed",
        {
          headers: { "www-authenticate": "Bearer" },
        },
      );
    }
    c.set("client", owner);
    c.set("pass", { key: pass.key, isValid: () => pass.owner() !== undefined });
    return next();
  };
}

/** @throws Problem `forbidden_role` when the client's token may only read */
export function requireAdmin(c: Context<HttpEnv>): void {
  const client = c.get("client");
  if (client === undefined || client.role === "admin") return;
  throw new Problem(
    "forbidden_role",
    `The token of ${client.name} may only read (role viewer); an admin's token dispatches. Nothing was executed`,
  );
}

/** As it was sent; whether it is one of ours is another question. */
export function givenToken(c: Context<HttpEnv>): string | undefined {
  const bearer = /^Bearer +(\S+)$/i.exec(c.req.header("authorization") ?? "")?.[1];
  return c.req.header("x-roxy-token") ?? bearer;
}

/** What somebody came in with, and whom it belongs to now: nobody any more once it was taken back. */
interface OwnedPass extends Pick<Pass, "key"> {
  owner(): ClientToken | undefined;
}

function tokenPass(tokens: TokenStore, hash: string | undefined): OwnedPass | undefined {
  return hash === undefined ? undefined : { key: hash, owner: () => tokens.byHash(hash) };
}

/** Keeps the digest of the session's id and not the id. */
function sessionPass(c: Context<HttpEnv>, { tokens, sessions }: Doorkeeper): OwnedPass | undefined {
  const id = sessionId(c);
  if (id === undefined) return undefined;
  const key = sessions.digestOf(id);
  return {
    key,
    owner() {
      const hash = sessions.tokenHashAt(key);
      return hash === undefined ? undefined : tokens.byHash(hash);
    },
  };
}

/** The id in the session cookie (RFC 6265 section 4.2.1). */
export function sessionId(c: Context<HttpEnv>): string | undefined {
  for (const pair of (c.req.header("cookie") ?? "").split(";")) {
    const [name = "", value = ""] = pair.trim().split("=", 2);
    if (name === sessionCookie && /^[\w-]{43}$/.test(value)) return value;
  }
  return undefined;
}
