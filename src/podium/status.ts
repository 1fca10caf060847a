import type { Route } from "../wire/podium.ts";
import { fillRoute } from "../wire/podium.ts";
import type { PodiumClient } from "./client.ts";
import type { Signer } from "./send-signed.ts";
import { sendSigned } from "./send-signed.ts";
import type { Verdict } from "./verdict.ts";

/** Podium's status with a viewer's token. All who ask while one question is on its way share its answer. */
export function statusSource(podium: PodiumClient, signer: Signer, route: Route): () => Promise<Verdict> {
  let running: Promise<Verdict> | undefined;
  const ask = (): Promise<Verdict> => {
    const request = fillRoute(route, { action: "status" });
    const asking = {
      podium,
      token: signer.token,
      get previousToken() {
        return signer.previousToken;
      },
    };
    return sendSigned(asking, request, { subject: "roxy-core", role: "viewer" });
  };
  return () =>
    (running ??= ask().finally(() => {
      running = undefined;
    }));
}
