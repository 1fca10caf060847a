import { expectationOf, socketPath } from "./kinds.ts";
import { actions } from "../wire/dispatch.ts";
import { routeMistake } from "../wire/podium.ts";
import type { Mistake } from "./mistakes.ts";
import type { Config } from "./schema.ts";

/** What holds between settings, once each of them is right by itself. */

/** Whether only this machine can reach the address. Names other than localhost may mean anything, so they do not count. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Without a login, listening beyond this machine would let the whole network start work here. */
export function listenMistake(config: Config): string | undefined {
  if (!config.listen.tcp) return undefined;
  if (isLoopback(config.listen.host) || config.auth.token_file !== undefined) return undefined;
  return "Expected a loopback address (127.0.0.1, ::1 or localhost): listening beyond this machine needs auth.token_file";
}

/** Paths are made absolute after each has been looked at alone, so that the bound of a socket's is looked at again. */
export function doorMistake({ listen }: Config): Omit<Mistake, "where"> | undefined {
  if (!listen.tcp && listen.socket === undefined) {
    return { key: "listen.tcp", detail: "Expected true: without listen.socket nothing else is open" };
  }
  if (listen.socket === undefined || socketPath().safeParse(listen.socket).success) return undefined;
  return { key: "listen.socket", detail: `Expected ${expectationOf(socketPath())} when absolute` };
}

/** Routes with something that would go out as it stands, or not at all. */
export function routeMistakes({ podium }: Config): Omit<Mistake, "where">[] {
  return actions.flatMap((action) => {
    const detail = routeMistake(action, podium.routes[action]);
    return detail === undefined ? [] : [{ key: `podium.routes.${action}`, detail }];
  });
}

/** Podium's base URL without its final slashes, so that paths can be added to it. */
export function normalBaseUrl(url: string): string {
  return url.replace(/\/+$/, "");
}

/** `http://host:3847` → `ws://host:3847/ws`; `https` becomes `wss`. */
export function wsUrlOf(baseUrl: string): string {
  return `${normalBaseUrl(baseUrl).replace(/^http/i, "ws")}/ws`;
}

/** Whether two URLs name one machine; ports don't matter, and every loopback name is this one. */
export function sameHost(a: string, b: string): boolean {
  const [nameA, nameB] = [new URL(a).hostname, new URL(b).hostname];
  return nameA === nameB || (isLoopback(nameA) && isLoopback(nameB));
}
