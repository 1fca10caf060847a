import type { Route } from "../wire/podium.ts";
import { fillRoute } from "../wire/podium.ts";
import type { PodiumClient } from "./client.ts";
import type { TokenSource } from "./token.ts";
import type { Verdict } from "./verdict.ts";

/** Podium's status with a viewer's token. All who ask while one question is on its way share its answer. */
export function statusSource(podium: PodiumClient, token: TokenSource, route: Route): () => Promise<Verdict> {
  let running: Promise<Verdict> | undefined;
  const ask = async (): Promise<Verdict> => {
    const viewer = await token({ subject: "roxy-core", role: "viewer" });
    return podium.send(fillRoute(route, { action: "status" }), viewer);
  };
  return () =>
    (running ??= ask().finally(() => {
      running = undefined;
    }));
}
