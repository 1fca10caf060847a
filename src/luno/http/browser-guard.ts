import { Refusal } from "../vocabulary.ts";

/** Names of this machine for itself, without a port and brackets. */
export function isLoopback(name: string): boolean {
  return name === "localhost" || name === "::1" || /^127(\.\d{1,3}){3}$/.test(name);
}

/**
 * Without a token (then luno listens on a loopback address only), a web page in the user's browser could start stories: by a form to this port, or under a name that
 * its owner has pointed at 127.0.0.1. So a foreign Origin and a foreign Host are turned away.
 * @throws Refusal 403
 */
export function refuseBrowsers(headers: Headers): void {
  const host = headers.get("host") ?? "";
  const name = host.replace(/:\d+$/, "").replace(/^\[|\]$/g, "");
  if (name !== "" && !isLoopback(name)) {
    throw new Refusal(
      `Forbidden: the Host ${name.slice(0, 128)} is not this machine's (development mode, no token)`,
      403,
    );
  }
  const origin = headers.get("origin");
  if (origin === null || origin === `http://${host}`) return;
  throw new Refusal(`Forbidden: pages of ${origin.slice(0, 128)} may not call (development mode, no token)`, 403);
}
