import { dayOf } from "../lib/clock.ts";
import { messageOf, Problem } from "../lib/errors.ts";
import { jobIdOf, newAuditId } from "../lib/ids.ts";
import { traceHeaders } from "../lib/trace.ts";
import type { Job } from "../jobs/job.ts";
import { jobOfIntent } from "../jobs/job.ts";
import type { Action } from "../wire/dispatch.ts";
import { isExecuting, isLimited } from "../wire/dispatch.ts";
import type { PodiumRequest, Route } from "../wire/podium.ts";
import { fillRoute } from "../wire/podium.ts";
import type { Incoming } from "./command.ts";
import { keyOf } from "./command.ts";
import type { ForwardDeps } from "./forward.ts";
import { forward } from "./forward.ts";
import type { KeyFate } from "./keys.ts";
import type { Lane, Ticket } from "./lane.ts";
import { cancelledByHalt } from "./lane.ts";
import type { Outcome } from "./records.ts";
import { intentDraft, newKeyAdvice, outcomeDraft, outcomeOfVerdict, outcomeUnsent } from "./records.ts";
import type { Dispatched } from "./replay.ts";
import { replay } from "./replay.ts";
import type { Earlier, EarlierDeps } from "./settle-earlier.ts";
import { hasDoubts, refuseLateCancel, settleEarlier } from "./settle-earlier.ts";
import { ended } from "./stages.ts";

export interface DispatchDeps extends ForwardDeps, EarlierDeps {
  readonly lane: Lane;
  /** The line for looks at the status, so that they neither wait for commands nor flood Podium. */
  readonly looks: Lane;
  readonly routes: Readonly<Record<Action, Route>>;
  readonly sha256: (text: string) => string;
}

/** An outcome with its times. `sentAt` is monotonic; undefined when nothing left. */
interface Sent extends Outcome {
  readonly durationMs: number;
  readonly sentAt: number | undefined;
}

/**
 * The whole way of a command, in the order that the contract fixes:
 * look the key up → (find out what is in doubt) → limits → audit intent → (turn in the lane) → sign → forward → audit
 * outcome → answer. Authentication and validation come before it, in the HTTP layer. The outer `finally` gives the key
 * back, the inner one the places in the lane and under the limits.
 * @throws Problem with ids once they exist; `retry` says whether anything can have been executed
 */
export async function dispatch(deps: DispatchDeps, incoming: Incoming): Promise<Dispatched> {
  const fingerprint = fingerprintOf(deps, incoming);
  const haltsBefore = deps.lane.halts;
  const claim = deps.keys.claim(keyOf(incoming), fingerprint, isLimited(incoming.command.action));
  // What there was no place to remember must not touch the key of whoever finds a place meanwhile.
  const key = claim.kind === "none" ? undefined : keyOf(incoming);
  if (claim.kind === "settled") return replay(deps.archive, claim.jobId);
  let fate: KeyFate = claim.kind === "unknown" ? "doubt" : "free";
  // A stop is said again unasked: whatever becomes of that, what was said before under this key stays in doubt.
  const isRepeat = claim.kind === "unknown" && !isExecuting(incoming.command.action);
  try {
    let earlier: Earlier | undefined;
    while (hasDoubts(deps, incoming, claim, earlier)) {
      earlier = await settleEarlier(deps, incoming, claim, earlier);
      fate = earlier.fate;
      if (earlier.answer) return earlier.answer;
    }
    refuseLateCancel(deps, incoming.command, claim);
    const ticket = admit(deps, incoming, haltsBefore);
    let sentAt: number | undefined;
    try {
      const request = fillRoute(deps.routes[incoming.command.action], incoming.command);
      const job = await recordIntent(deps, incoming, request, { key, fingerprint, undecided: earlier?.undecided });
      fate = "doubt";
      const outcome = await send(deps, incoming, request, job, ticket);
      const alone = isAlone(deps);
      // The next one may go while this outcome is written: its own intent is durable, and forwards stay one at a time.
      ticket.leave();
      sentAt = outcome.sentAt;
      await recordOutcome(deps, job, outcome, alone);
      fate = isRepeat && outcome.problem ? "doubt" : fateOf(outcome);
      return answer(deps, job, outcome);
    } finally {
      ticket.leave();
      deps.limits.release(incoming.command, sentAt);
    }
  } catch (error) {
    throw isRepeat && error instanceof Problem ? stillInDoubt(error, claim.jobId) : error;
  } finally {
    deps.keys.leave(key, fate);
  }
}

/** Which request a key belongs to: the command and who sent it from where, not the order of its JSON. */
function fingerprintOf({ sha256 }: DispatchDeps, { command, asker }: Incoming): string {
  const { action, story_id, plan_id, nonce, options } = command;
  const sorted = options ? Object.entries(options).toSorted(([a], [b]) => (a < b ? -1 : 1)) : [];
  return sha256(
    JSON.stringify([action, story_id, plan_id, nonce, sorted, asker.source, asker.user_id, asker.session_id]),
  );
}

/** Takes a place under the limits, on the disk and in the lane: all in one turn, or nothing. */
function admit(deps: DispatchDeps, { command, asker }: Incoming, haltsBefore: number): Ticket {
  if (command.action === "halt") {
    const ticket = deps.lane.express();
    deps.lane.halt();
    return ticket;
  }
  // It was still asking about an earlier dispatch when the halt came.
  if (deps.lane.halts !== haltsBefore) throw cancelledByHalt();
  try {
    deps.lane.assertOpen();
    deps.log.assertAdmits("dispatch");
    if (command.action === "status") return deps.looks.take();
    // The lane comes first: a ticket is easily left again, a place under the limits is not.
    const ticket = deps.lane.take();
    try {
      deps.limits.reserve(command);
    } catch (error) {
      ticket.leave();
      throw error;
    }
    return ticket;
  } catch (error) {
    if (error instanceof Problem && recordedRefusals.has(error.code)) deps.refusals.note(error.code, command, asker);
    throw error;
  }
}

/** Refusals of valid commands; invalid input leaves no trace in the log. */
const recordedRefusals: ReadonlySet<string> = new Set(["rate_limited", "story_cooldown", "queue_full"]);

/** What the record of an intent must know of the request's past. */
interface Background {
  readonly key: string | undefined;
  readonly fingerprint: string;
  /** The job of an earlier dispatch that nobody can find out about. */
  readonly undecided: string | undefined;
}

/** Ids are handed out and the record takes its place in the chain in one turn; it returns when the record is durable. */
async function recordIntent(
  deps: DispatchDeps,
  incoming: Incoming,
  request: PodiumRequest,
  { key, fingerprint, undecided }: Background,
): Promise<Job> {
  const now = deps.clock.now();
  const day = deps.jobs.countingDay(dayOf(now));
  const ids = { audit_id: newAuditId(now), job_id: jobIdOf(day, deps.jobs.nextNumber(day)) };
  deps.keys.bind(key, ids.job_id, ids.audit_id);
  const detail = undecided === undefined ? undefined : `Sent although Podium does not tell what became of ${undecided}`;
  const draft = intentDraft(incoming, ids, fingerprint, request, detail);
  const startedAt = deps.clock.monotonic();
  try {
    return jobOfIntent(await deps.log.append(draft, isAlone(deps)));
  } finally {
    ended(deps, "audit_intent", startedAt);
  }
}

/** Nothing is under way but the dispatch that asks: its record may be written in place, which is quicker. */
function isAlone({ lane, looks }: DispatchDeps): boolean {
  return lane.busy + looks.busy <= 1;
}

async function send(
  deps: DispatchDeps,
  { client, trace }: Incoming,
  request: PodiumRequest,
  job: Job,
  ticket: Ticket,
): Promise<Sent> {
  const traced = trace ? { ...request, headers: traceHeaders(trace) } : request;
  const startedAt = deps.clock.monotonic();
  try {
    const { verdict, sentAt } = await forward(deps, job, traced, ticket, client);
    const outcome = outcomeOfVerdict(verdict, job.action);
    const durationMs = deps.clock.monotonic() - startedAt;
    return { ...outcome, durationMs, sentAt: outcome.result === "failed" ? undefined : sentAt };
  } catch (error) {
    // Podium's client never throws, so whatever was thrown was thrown before anything was sent, or after a 401.
    const problem = error instanceof Problem ? error : unsendable(error);
    return { ...outcomeUnsent(problem), durationMs: deps.clock.monotonic() - startedAt, sentAt: undefined };
  }
}

function unsendable(cause: unknown): Problem {
  const detail = `The command could not be made ready to send (${messageOf(cause)}); nothing was executed`;
  return new Problem("internal_error", detail, { retry: "safe", cause });
}

/** @throws Problem `audit_unavailable`: what was sent stays sent, and the caller must know */
async function recordOutcome(deps: DispatchDeps, job: Job, outcome: Sent, alone: boolean): Promise<void> {
  const startedAt = deps.clock.monotonic();
  try {
    await deps.log.append(outcomeDraft(job, outcome, outcome.durationMs), alone);
  } catch (cause) {
    const ids = { audit_id: job.audit_id, job_id: job.job_id, cause };
    if (outcome.result === "failed" && outcome.problem) throw outcome.problem.with(ids);
    throw new Problem(
      "audit_unavailable",
      `The command was sent (${outcome.result}) but its outcome can't be written to the audit log; repeat with the same Idempotency-Key only`,
      { ...ids, retry: "same-key" },
    );
  } finally {
    ended(deps, "audit_outcome", startedAt);
  }
}

/** A repeat that came to nothing, wherever on its way, says nothing of what was sent before it. */
function stillInDoubt(problem: Problem, jobId: string): Problem {
  if (problem.retry === "same-key") return problem;
  const detail = `What became of the command that was sent before under this Idempotency-Key is not known: repeat with the same one only. Of this repeat: ${problem.message.replace(newKeyAdvice, "")}`;
  return new Problem(problem.code, detail, { job_id: jobId, ...problem.extras, retry: "same-key" });
}

function fateOf({ result }: Outcome): KeyFate {
  if (result === "failed") return "free";
  return result === "unknown" ? "doubt" : "settle";
}

function answer(deps: DispatchDeps, job: Job, outcome: Outcome): Dispatched {
  if (outcome.problem) throw outcome.problem.with({ audit_id: job.audit_id, job_id: job.job_id });
  // A flood of looks at the status may have taken its place in memory.
  const known = deps.jobs.get(job.job_id) ?? { ...job, status: outcome.result };
  return { job: known, podiumResult: outcome.response ?? "null", replayed: false };
}
