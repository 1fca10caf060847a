import type { Draft } from "../audit/record.ts";
import { Problem } from "../lib/errors.ts";
import type { Job } from "../jobs/job.ts";
import type { Verdict } from "../podium/verdict.ts";
import { utf8Bytes } from "../lib/utf8.ts";
import type { Action, JobStatus } from "../wire/dispatch.ts";
import type { PodiumRequest } from "../wire/podium.ts";
import type { Incoming } from "./command.ts";
import { keyOf } from "./command.ts";

export interface Ids {
  readonly audit_id: string;
  readonly job_id: string;
}

/** The record that must be on disk before the first byte goes to Podium. */
export function intentDraft(
  incoming: Incoming,
  ids: Ids,
  fingerprint: string,
  request: PodiumRequest,
  detail: string | undefined,
): Draft {
  const { command, asker, trace } = incoming;
  return {
    event: "intent",
    audit_id: ids.audit_id,
    job_id: ids.job_id,
    action: command.action,
    story_id: command.story_id,
    plan_id: command.plan_id,
    nonce: command.nonce,
    options: command.options,
    source: asker.source,
    user_id: asker.user_id,
    session_id: asker.session_id,
    auth_mode: asker.auth_mode,
    idempotency_key: keyOf(incoming),
    request_hash: fingerprint,
    request_id: trace?.requestId,
    traceparent: trace?.traceparent,
    podium_request: `${request.method} ${request.path}`,
    detail,
  };
}

/** What became of the command. `failed` means for certain that nothing was sent. */
export interface Outcome {
  readonly result: Exclude<JobStatus, "pending">;
  readonly problem?: Problem;
  readonly httpStatus?: number;
  readonly response?: string;
}

/** Wrong where an earlier command under the same key is in doubt, and nothing new to who sees which key was used. */
export const newKeyAdvice = "; to try again use a new Idempotency-Key, or none";

export function outcomeOfVerdict(verdict: Verdict, action: Action): Outcome {
  if (verdict.kind === "accepted") return { result: "queued", httpStatus: verdict.httpStatus, response: verdict.json };
  const { code, detail, httpStatus, text } = verdict;
  const heard = {
    ...(httpStatus !== undefined && { httpStatus }),
    ...(text !== undefined && { response: text }),
  };
  if (verdict.kind === "unsent") {
    return {
      result: "failed",
      problem: new Problem(code, `Podium can't be reached: ${detail}. Nothing was executed`),
      ...heard,
    };
  }
  if (verdict.kind === "refused") {
    return {
      result: "rejected",
      problem: new Problem(code, `Podium refused: ${detail}. Nothing was executed${newKeyAdvice}`),
      ...heard,
    };
  }
  if (action === "status") {
    const nothingSaid = `Podium's status can't be had: ${detail}. A look at it executes nothing, so nothing was executed`;
    return { result: "unknown", problem: new Problem(code, nothingSaid, { retry: "safe" }), ...heard };
  }
  const detailUnknown = `The command was sent and Podium's answer does not settle what it did: ${detail}. It may have been executed; repeat with the same Idempotency-Key only`;
  return { result: "unknown", problem: new Problem(code, detailUnknown, { retry: "same-key" }), ...heard };
}

/** A dispatch that ended before anything was sent. */
export function outcomeUnsent(problem: Problem): Outcome {
  return { result: "failed", problem };
}

export function outcomeDraft(job: Job, outcome: Outcome, durationMs: number): Draft {
  const { response, problem } = outcome;
  return {
    event: "outcome",
    audit_id: job.audit_id,
    job_id: job.job_id,
    action: job.action,
    story_id: job.story_id,
    plan_id: job.plan_id,
    source: job.source,
    user_id: job.user_id,
    result: outcome.result,
    code: problem?.code,
    detail: problem?.message,
    retry: problem?.retry,
    http_status: outcome.httpStatus,
    ...recordedResponse(job.action, response),
    duration_ms: Math.round(durationMs),
  };
}

/** Bytes of Podium's answer in its record, escapes and all: the line's bound is 256 KiB, and the rest of it is small. */
const responseBytesMax = 200_000;
/** Looks at the status are not limited, so what they may write is. */
const statusBytesMax = 4096;

/** A longer answer is recorded by its size alone; the caller of that moment gets it whole. */
function recordedResponse(
  action: Action,
  response: string | undefined,
): Pick<Draft, "podium_response" | "podium_response_bytes"> {
  if (response === undefined) return {};
  const bytesMax = action === "status" ? statusBytesMax : responseBytesMax;
  // With its quotes, and no character longer than an escape of six bytes: what may be too long is measured.
  const isSmall =
    6 * response.length + 2 <= bytesMax ||
    (response.length <= bytesMax && utf8Bytes(JSON.stringify(response)) <= bytesMax);
  return isSmall ? { podium_response: response } : { podium_response_bytes: utf8Bytes(response) };
}
