import type { Job } from "../jobs/job.ts";
import type { PodiumClient } from "../podium/client.ts";
import type { TokenSource } from "../podium/token.ts";
import type { Verdict } from "../podium/verdict.ts";
import type { PodiumRequest } from "../wire/podium.ts";
import type { Client } from "./command.ts";
import type { Ticket } from "./lane.ts";
import type { StageDeps } from "./stages.ts";
import { timed } from "./stages.ts";

/**
 * Tries while nothing can have been sent: a Podium that is just restarting is back within a second, and the caller
 * notices no more than that.
 */
const pausesMs = [100, 300, 600];

export interface ForwardDeps extends StageDeps {
  readonly podium: PodiumClient;
  readonly token: TokenSource;
}

/** A ticket for what does not wait in line: a halt, and a look at the status. */
export const express: Ticket = { turn: () => Promise.resolve(), begin() {}, rest() {}, leave() {} };

/**
 * Waits for its turn, signs, sends. Only a connection that was never made is tried again.
 * @throws Problem when the ticket was cancelled before anything was sent
 */
export async function forward(
  deps: ForwardDeps,
  job: Job,
  request: PodiumRequest,
  ticket: Ticket,
  client: Client,
): Promise<{ verdict: Verdict; sentAt: number }> {
  await timed(deps, "wait", ticket.turn(client));
  for (const pauseMs of [...pausesMs, undefined]) {
    const claims = {
      subject: job.user_id ?? "local",
      role: job.action === "status" ? "viewer" : "admin",
      auditId: job.audit_id,
      receipt: job.receipt,
    } as const;
    const token = await timed(deps, "sign", deps.token(claims));
    ticket.begin();
    const sentAt = deps.clock.monotonic();
    const verdict = await timed(deps, "podium", deps.podium.send(request, token));
    if (verdict.kind !== "unsent" || pauseMs === undefined) return { verdict, sentAt };
    ticket.rest();
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
  }
  throw new Error("unreachable: the last try returns");
}
