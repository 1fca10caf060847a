import type { Context } from "hono";
import { Hono } from "hono";
import type { HttpEnv } from "./app.ts";
import type { Doorkeeper } from "./authenticate.ts";
import { givenToken, sessionCookie, sessionId } from "./authenticate.ts";
import { sessionS } from "./sessions.ts";

export interface SessionRouteDeps {
  /** Absent: nobody needs a login, whoever reaches the loopback address may ask. */
  readonly doorkeeper?: Doorkeeper;
}

/**
 * `/api/session`: a browser shows its token once and from then on a cookie, which its scripts can't read (HttpOnly) and
 * which no other site's page makes it send (SameSite=Strict). GET says who one is.
 */
export function sessionRoutes({ doorkeeper }: SessionRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/session", (c) => c.json(who(c)))
    .post("/api/session", (c) => {
      const client = c.get("client");
      // Who shows a session has one: beginning another with it would let a stolen one go on for ever.
      if (!doorkeeper || !client || givenToken(c) === undefined) return c.json(who(c));
      end(c, doorkeeper);
      setCookie(c, doorkeeper.sessions.begin(client.hash), sessionS);
      return c.json(who(c));
    })
    .delete("/api/session", (c) => {
      if (doorkeeper) end(c, doorkeeper);
      setCookie(c, "", 0);
      return c.json({ success: true });
    });
}

function who(c: Context<HttpEnv>): object {
  const client = c.get("client");
  if (!client) return { success: true, auth_mode: "local", role: "admin" };
  return { success: true, auth_mode: "token", user_id: client.name, role: client.role };
}

function end(c: Context<HttpEnv>, { sessions }: Doorkeeper): void {
  const id = sessionId(c);
  if (id !== undefined) sessions.end(id);
}

/** `Secure` would keep it from plain http; behind a TLS proxy, which the page's own Origin tells, it is set. */
function setCookie(c: Context<HttpEnv>, value: string, maxAgeS: number): void {
  const secure = (c.req.header("origin") ?? "").startsWith("https://") ? "; Secure" : "";
  c.header("set-cookie", `${sessionCookie}=${value}; Path=/; Max-Age=${maxAgeS}; HttpOnly; SameSite=Strict${secure}`);
}
