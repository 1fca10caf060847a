import { Problem } from "../lib/errors.ts";
import type { JobArchive } from "../jobs/archive.ts";
import type { Command } from "../wire/dispatch.ts";
import { isExecuting, subjectOf } from "../wire/dispatch.ts";
import type { Incoming } from "./command.ts";
import type { Claim, KeyFate, Keys } from "./keys.ts";
import type { Limits } from "./limits.ts";
import type { ReconcileDeps } from "./reconcile.ts";
import { reconcile } from "./reconcile.ts";
import type { Refusals } from "./refusals.ts";
import type { Dispatched } from "./replay.ts";
import { answerOf, rethrowInDoubt } from "./replay.ts";

export interface EarlierDeps extends ReconcileDeps {
  readonly archive: Pick<JobArchive, "find">;
  readonly keys: Keys;
  readonly limits: Limits;
  readonly refusals: Refusals;
}

/** What earlier dispatches with an unknown outcome leave of this one. */
export interface Earlier {
  /** It turned out that the dispatch under this very key was executed: nothing is sent. */
  readonly answer?: Dispatched;
  /** What becomes of the key when this one ends before its intent is recorded. */
  readonly fate: KeyFate;
  /** The job that nobody can find out about. The record of this one must say so. */
  readonly undecided?: string;
}

/**
 * Whether there is anything to find out first. When not, a claim and its job id are one step, and who comes second hears
 * both. Asked anew after each answer, in the turn in which the dispatch takes its place: while it was waited for, another
 * one may have come into doubt.
 * @param known what has been found out so far
 */
export function hasDoubts({ jobs }: EarlierDeps, { command }: Incoming, claim: Claim, known?: Earlier): boolean {
  if (claim.kind === "unknown" && !known) return true;
  const doubt = isExecuting(command.action) ? jobs.unsettledOf(subjectOf(command)) : undefined;
  return doubt !== undefined && doubt.job_id !== known?.undecided;
}

/**
 * Before anything is sent for a key or a story whose last outcome is unknown, Podium is asked: first about the key's own
 * dispatch, then about the story's last.
 * @throws Problem when that can't be found out, or not yet
 */
export function settleEarlier(deps: EarlierDeps, incoming: Incoming, claim: Claim, known?: Earlier): Promise<Earlier> {
  if (claim.kind === "unknown" && !known) return settleKey(deps, incoming, claim.jobId);
  return settleStory(deps, incoming);
}

const nothingEarlier: Earlier = { fate: "free" };

/** The dispatch under this very key: as long as nobody knows what became of it, it is not sent again. */
async function settleKey(deps: EarlierDeps, incoming: Incoming, jobId: string): Promise<Earlier> {
  const { command } = incoming;
  // What executes nothing is said again unasked: a stop stays a stop, and staging anew only makes another nonce.
  if (!isExecuting(command.action)) return { fate: "doubt" };
  const job = await deps.archive.find(jobId).catch(rethrowInDoubt(jobId));
  if (!job || job.status === "pending") throw stillUnknown(jobId);
  if (job.status === "failed") return nothingEarlier;
  if (job.status !== "unknown") return { fate: "settle", answer: answerOf(job) };
  const finding = await reconcile(deps, job).catch(rethrowInDoubt(jobId));
  if (finding === "executed") return { fate: "settle", answer: answerOf({ ...job, status: "queued" }) };
  if (finding === "not_executed") return nothingEarlier;
  throw stillUnknown(jobId);
}

/**
 * The last dispatch of the same story or plan step, under whatever key. When Podium, asked after the time in which that
 * one could still come true, says nothing of it, this one is sent: it is a wish of its own, Podium judges it by its own
 * rules, and otherwise the story could never be dispatched again. The record of the new dispatch then says so.
 */
async function settleStory(deps: EarlierDeps, incoming: Incoming): Promise<Earlier> {
  const doubt = deps.jobs.unsettledOf(subjectOf(incoming.command));
  if (!doubt) return nothingEarlier;
  const finding = await reconcile(deps, doubt);
  if (finding === "waiting") throw inDoubt(deps, incoming, doubt.job_id);
  return finding === "undecided" ? { fate: "free", undecided: doubt.job_id } : nothingEarlier;
}

/**
 * Cancelling twice has no effect beyond the first time, unless the story was started anew in between: then the repeat
 * would stop what its sender never saw. Looked at in the turn in which the repeat takes its place.
 * @throws Problem when it would
 */
export function refuseLateCancel({ jobs, limits }: EarlierDeps, { action, story_id }: Command, claim: Claim): void {
  if (claim.kind !== "unknown" || action !== "cancel_story" || story_id === undefined) return;
  const { jobId } = claim;
  const cancel = jobs.get(jobId);
  const newest = jobs.ofStory(story_id);
  // When the cancel is gone from memory, or what came after it may be, nobody knows.
  const isKnown = cancel !== undefined && cancel.receipt.seq > jobs.forgottenUntil;
  const seq = cancel?.receipt.seq ?? 0;
  // Nobody knows which stories a plan holds.
  const isAnew = (newest && newest.receipt.seq > seq) || jobs.hasPlan(({ receipt }) => receipt.seq > seq);
  // The record of an intent is being written: it is no job yet.
  const story = subjectOf({ action: "enqueue_story", story_id });
  const isBeginning =
    (newest?.status !== "pending" && limits.isOnItsWay((subject) => subject === story)) ||
    limits.isOnItsWay((subject) => subject.startsWith("enqueue_plan "));
  if (!isKnown || isAnew || isBeginning) throw stillUnknown(jobId);
}

function stillUnknown(jobId: string): Problem {
  return new Problem(
    "podium_timeout",
    `The outcome of ${jobId} is still unknown: Podium's status does not settle it. Nothing more was sent; look at Podium, or repeat with the same Idempotency-Key. A new key is a new wish: it may run a second time`,
    { job_id: jobId, retryAfterS: 5 },
  );
}

/** Another wish about a story whose last dispatch is in doubt: refused, recorded and told like a cooldown. */
function inDoubt({ limits, refusals }: EarlierDeps, { command, asker }: Incoming, jobId: string): Problem {
  refusals.note("story_cooldown", command, asker);
  return new Problem(
    "story_cooldown",
    `The outcome of its earlier dispatch ${jobId} is not known yet; nothing was executed by this one, try again in a moment`,
    { job_id: jobId, retryAfterS: 5, headers: limits.headers() },
  );
}
