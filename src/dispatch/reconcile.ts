import type { AuditLog } from "../audit/log.ts";
import type { Clock } from "../lib/clock.ts";
import { Problem } from "../lib/errors.ts";
import { reconciledReason } from "../jobs/job.ts";
import type { Doubt } from "../jobs/doubt.ts";
import type { JobStore } from "../jobs/store.ts";
import type { Undoings } from "../jobs/undoings.ts";
import type { Verdict } from "../podium/verdict.ts";
import { startedStoriesOf, storyEvidence } from "../wire/podium.ts";

export interface ReconcileDeps {
  readonly log: AuditLog;
  readonly jobs: JobStore;
  readonly undoings: Undoings;
  /** Podium's status: the answer to a question that was not on its way already. */
  readonly podiumStatus: () => Promise<Verdict>;
  /** Reconciliations under way, by job: all who wait for the same one share its finding. */
  readonly reconciling: Map<string, Promise<Finding>>;
  readonly clock: Clock;
  /**
   * Milliseconds after an unknown outcome during which "not started" proves nothing: the command may still be on
   * Podium's desk.
   */
  readonly settleMs: number;
}

/**
 * `waiting`: too early to tell. `undecided`: Podium answered, and what it says may be about an earlier run, about nothing, or
 * what a later command has left.
 */
export type Finding = "executed" | "not_executed" | "waiting" | "undecided";

/**
 * Asks what became of a dispatch whose outcome is unknown, and records what was found.
 * @throws Problem `podium_unreachable` when Podium can't be asked: nothing of the new request was executed
 */
export async function reconcile(deps: ReconcileDeps, job: Doubt): Promise<Finding> {
  const running = deps.reconciling.get(job.job_id);
  if (running) return running;
  const finding = settle(deps, job).finally(() => deps.reconciling.delete(job.job_id));
  deps.reconciling.set(job.job_id, finding);
  return finding;
}

async function settle(deps: ReconcileDeps, job: Doubt): Promise<Finding> {
  // Telemetry after the intent: a queued or running story is being executed. Other words may be about an earlier run.
  const isStarted = job.podium_started_at !== undefined && !deps.jobs.mayRunBefore(job);
  const finding = isStarted ? "executed" : await ask(deps, job);
  if (finding === "executed" || finding === "not_executed") {
    await deps.log.append({
      event: "job",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      story_id: job.story_id,
      plan_id: job.plan_id,
      result: finding === "executed" ? "queued" : "failed",
      reason: reconciledReason,
    });
  }
  return finding;
}

async function ask(deps: ReconcileDeps, job: Doubt): Promise<Finding> {
  // Podium may have looked as soon as it was asked: what it says is no younger than our question.
  const ageMs = deps.clock.monotonic() - deps.jobs.unknownSince(job);
  const verdict = await deps.podiumStatus();
  if (verdict.kind !== "accepted") {
    throw new Problem(
      "podium_unreachable",
      `The outcome of ${job.job_id} is unknown and Podium can't be asked about it: ${verdict.detail}. Nothing more was sent; try again with the same Idempotency-Key`,
      { retry: "same-key", job_id: job.job_id, audit_id: job.audit_id },
    );
  }
  if (job.action === "enqueue_plan" && isPlanStarted(deps, job, verdict.json)) return "executed";
  const evidence = job.story_id === undefined ? "nothing" : storyEvidence(verdict.json, job.story_id);
  if (evidence === "started" && !deps.jobs.mayRunBeside(job)) return "executed";
  if (ageMs < deps.settleMs) return "waiting";
  return evidence === "not_started" && !mayBeUndone(deps, job) ? "not_executed" : "undecided";
}

/**
 * Whether one of the plan's stories runs that nothing else can have started: no dispatch of its own, and no other one of the
 * plan, whose stories may go on when it is called ended.
 */
function isPlanStarted({ jobs }: ReconcileDeps, job: Doubt, json: string): boolean {
  if (jobs.hasPlan(({ job_id, plan_id }) => plan_id === job.plan_id && job_id !== job.job_id)) return false;
  return startedStoriesOf(json, job.plan_id!).some((story_id) => !jobs.mayRunBeside({ ...job, story_id }));
}

/** Whether "it is as it was" may be the work of a command that put it back. */
function mayBeUndone({ jobs, undoings }: ReconcileDeps, { job_id, story_id }: Doubt): boolean {
  const intent = jobs.get(job_id)?.receipt;
  // What memory has forgotten is older than everything in it: nobody knows what came after it.
  return intent === undefined || undoings.mayFollow(intent.seq, story_id);
}
