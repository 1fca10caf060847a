import type { Job } from "../jobs/job.ts";
import type { PodiumClient } from "../podium/client.ts";
import type { Signer } from "../podium/send-signed.ts";
import { refusedToken } from "../podium/send-signed.ts";
import type { TokenSource } from "../podium/token.ts";
import type { Verdict } from "../podium/verdict.ts";
import type { PodiumRequest } from "../wire/podium.ts";
import type { Client } from "./command.ts";
import type { Ticket } from "./lane.ts";
import { hungUp } from "./lane.ts";
import type { StageDeps } from "./stages.ts";
import { ended } from "./stages.ts";

/**
 * Tries while nothing can have been sent: a Podium that is just restarting is back within a second, and the caller
 * notices no more than that.
 */
const pausesMs = [100, 300, 600];
/** A try that took this long, such as a connection that nobody answers, was the last. */
const patienceMs = 2_000;

export interface ForwardDeps extends StageDeps, Signer {
  readonly podium: PodiumClient;
  /** Told of each job right before its first byte goes out. */
  readonly onSend?: (jobId: string) => void;
}

/**
 * Waits for its turn, signs, sends. Only a connection that was never made is tried again, and a token that Podium does not
 * accept is made again with the previous secret, once.
 * @throws Problem when the ticket was cancelled before anything was sent
 */
export async function forward(
  deps: ForwardDeps,
  job: Job,
  request: PodiumRequest,
  ticket: Ticket,
  client: Client,
): Promise<{ verdict: Verdict; sentAt: number }> {
  const arrivedAt = deps.clock.monotonic();
  try {
    await ticket.turn(client);
  } finally {
    ended(deps, "wait", arrivedAt);
  }
  const startedAt = deps.clock.monotonic();
  for (const pauseMs of [...pausesMs, undefined]) {
    const sent = await signAndSend(deps, deps.token, job, request, ticket);
    const { verdict } = sent;
    if (deps.previousToken && refusedToken(verdict)) {
      ticket.rest();
      return signAndSend(deps, deps.previousToken, job, request, ticket);
    }
    const isLast = pauseMs === undefined || deps.clock.monotonic() - startedAt > patienceMs;
    if (verdict.kind !== "unsent" || isLast) return sent;
    ticket.rest();
    await new Promise((resolve) => setTimeout(resolve, pauseMs * (0.5 + Math.random() / 2)));
    if (client.signal.aborted) throw hungUp();
  }
  throw new Error("unreachable: the last try returns");
}

async function signAndSend(
  deps: ForwardDeps,
  sign: TokenSource,
  job: Job,
  request: PodiumRequest,
  ticket: Ticket,
): Promise<{ verdict: Verdict; sentAt: number }> {
  const claims = {
    subject: job.user_id ?? "local",
    role: job.action === "status" ? "viewer" : "admin",
    auditId: job.audit_id,
    receipt: job.receipt,
  } as const;
  const startedAt = deps.clock.monotonic();
  let token: string | undefined;
  try {
    token = await sign(claims);
  } finally {
    ended(deps, "sign", startedAt);
  }
  const signedAt = deps.clock.monotonic();
  let sentAt = signedAt;
  let cancelled: unknown;
  // A connection may take its time; until it is there a halt can still take the command back.
  const mayLeave = (): boolean => {
    try {
      ticket.begin();
    } catch (error) {
      cancelled = error;
      return false;
    }
    deps.onSend?.(job.job_id);
    sentAt = deps.clock.monotonic();
    return true;
  };
  const verdict = await deps.podium.send(request, token, { mayLeave });
  ended(deps, "podium", signedAt);
  if (cancelled !== undefined) throw cancelled;
  return { verdict, sentAt };
}
