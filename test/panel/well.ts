import type { ConnectionFacts } from "../../src/panel/web/state/connection.ts";
import { noFacts } from "../../src/panel/web/state/connection.ts";

/** What a page knows when all is well. */
export const well: ConnectionFacts = {
  ...noFacts,
  gateway: "up",
  stream: "open",
  upstream: "connected",
  podium: "answered",
  catchingUp: false,
};
