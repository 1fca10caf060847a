import { Hono } from "hono";
import type { NeighbourHealth } from "../podium/neighbours.ts";
import type { HttpEnv } from "./app.ts";

export interface ServicesRouteDeps {
  readonly neighbours: () => Promise<readonly NeighbourHealth[]>;
}

/** `GET /api/services`: the port map with the health of each neighbour. */
export function servicesRoute({ neighbours }: ServicesRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/api/services", async (c) => c.json({ success: true, services: await neighbours() }));
}
