import type { Route } from "../wire/podium.ts";
import { fillRoute } from "../wire/podium.ts";
import type { PodiumClient } from "./client.ts";
import type { Signer } from "./send-signed.ts";
import { sendSigned } from "./send-signed.ts";
import type { Verdict } from "./verdict.ts";

/**
 * For what must not be older than its asker: nobody shares an answer to a question that was on its way already. At most one
 * is, and all who come meanwhile share the next.
 */
export function askedSince<T>(ask: () => Promise<T>): () => Promise<T> {
  let running: Promise<unknown> | undefined;
  let next: Promise<T> | undefined;
  const start = (): Promise<T> => {
    next = undefined;
    const asked = ask();
    const ended = asked.then(
      () => {},
      () => {},
    );
    running = ended;
    void ended.then(() => {
      if (running === ended) running = undefined;
    });
    return asked;
  };
  return () => (running === undefined ? start() : (next ??= running.then(start)));
}

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
