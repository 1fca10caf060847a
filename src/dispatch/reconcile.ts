import type { AuditLog } from "../audit/log.ts";
import type { Clock } from "../lib/clock.ts";
import { monotonicOf } from "../lib/clock.ts";
import { Problem } from "../lib/errors.ts";
import type { Job } from "../jobs/job.ts";
import type { JobStore } from "../jobs/store.ts";
import type { PodiumClient } from "../podium/client.ts";
import type { Signer } from "../podium/send-signed.ts";
import { sendSigned } from "../podium/send-signed.ts";
import type { Route } from "../wire/podium.ts";
import { fillRoute, storyEvidence } from "../wire/podium.ts";

export interface ReconcileDeps extends Signer {
  readonly log: AuditLog;
  readonly jobs: JobStore;
  readonly podium: PodiumClient;
  readonly statusRoute: Route;
  readonly clock: Clock;
  /**
   * Milliseconds after an unknown outcome during which "not started" proves nothing: the command may still be on
   * Podium's desk.
   */
  readonly settleMs: number;
}

/** Longest wait for Podium's status during a reconciliation: its slowest known answer takes several seconds. */
const patienceMs = 10_000;

/** `waiting`: too early to tell. `undecided`: Podium answered and does not know the story. */
export type Finding = "executed" | "not_executed" | "waiting" | "undecided";

/**
 * Asks what became of a dispatch whose outcome is unknown, and records what was found.
 * @throws Problem `podium_unreachable` when Podium can't be asked: nothing of the new request was executed
 */
export async function reconcile(deps: ReconcileDeps, job: Job): Promise<Finding> {
  // Telemetry after the intent: a queued or running story is being executed. Other words may be about an earlier run.
  const isRunning = job.podium_status === "queued" || job.podium_status === "in_progress";
  const finding = isRunning ? "executed" : await ask(deps, job);
  if (finding === "executed" || finding === "not_executed") {
    await deps.log.append({
      event: "job",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      ...(job.story_id !== undefined && { story_id: job.story_id }),
      result: finding === "executed" ? "queued" : "failed",
      reason: "reconciled",
    });
  }
  return finding;
}

async function ask(deps: ReconcileDeps, job: Job): Promise<Finding> {
  const request = fillRoute(deps.statusRoute, { action: "status" });
  const claims = { subject: job.user_id ?? "local", role: "viewer", auditId: job.audit_id } as const;
  const verdict = await sendSigned(deps, request, claims, patienceMs);
  if (verdict.kind !== "accepted") {
    throw new Problem(
      "podium_unreachable",
      `The outcome of ${job.job_id} is unknown and Podium can't be asked about it: ${verdict.detail}. Nothing more was sent; try again with the same Idempotency-Key`,
      { retry: "same-key", job_id: job.job_id, audit_id: job.audit_id },
    );
  }
  const evidence = job.story_id === undefined ? "nothing" : storyEvidence(verdict.json, job.story_id);
  if (evidence === "started") return "executed";
  // A doubt that memory has forgotten is older than anything that could still be on Podium's desk, unless nobody knows.
  const since = deps.jobs.unknownSince(job) ?? monotonicOf(deps.clock, job.answered_at ?? job.created_at);
  const ageMs = deps.clock.monotonic() - since;
  if (ageMs < deps.settleMs) return "waiting";
  return evidence === "not_started" ? "not_executed" : "undecided";
}
