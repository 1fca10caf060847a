import type { z } from "zod";
import type { ProblemCode } from "../lib/errors.ts";
import {
  auditHeadSchema,
  auditPageSchema,
  auditProofSchema,
  auditRecordsSchema,
  auditVerdictSchema,
  doneSchema,
  healthAnswerSchema,
  jobAnswerSchema,
  jobsAnswerSchema,
  readyAnswerSchema,
  servicesAnswerSchema,
  sessionAnswerSchema,
  statusAnswerSchema,
  statusProblemSchema,
} from "./answers.ts";
import { auditQuerySchema } from "./audit.ts";
import { dispatchAnswerSchema, dispatchRequestSchema, idempotencyKeyForm } from "./dispatch.ts";
import { jwkSetSchema } from "./jwk-set.ts";
import { jobsQuerySchema } from "./jobs.ts";
import { streamQuerySchema } from "./stream.ts";

/** One thing that the API does. What a handler validates with is what stands here. */
export interface Operation {
  readonly method: "get" | "post" | "delete";
  /** With parameters in braces. */
  readonly path: string;
  readonly summary: string;
  readonly description?: string;
  readonly tag: "Dispatch" | "Jobs" | "Stream" | "Audit" | "Operations";
  /** Asked even where clients need a token. */
  readonly open?: true;
  readonly query?: z.ZodObject;
  /** By header name. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: { readonly name: string; readonly schema: z.ZodType };
  readonly answer: Answer;
  /** What may come instead without being a problem. */
  readonly instead?: Answer;
  /** Besides those that everything may end in. */
  readonly problems?: readonly ProblemCode[];
  /** Where problem documents say more than elsewhere. */
  readonly problem?: { readonly name: string; readonly schema: z.ZodType };
}

/** JSON by a schema, something else by its media type, or no body at all. The status is 200 unless given. */
export type Answer = AnswerFacts &
  (
    | { readonly name: string; readonly schema: z.ZodType; readonly mediaType?: string }
    | { readonly mediaType: string; readonly description: string }
    | { readonly description: string }
  );

interface AnswerFacts {
  readonly status?: 101 | 204 | 503;
  /** By header name; those that are always there are marked in the document. */
  readonly headers?: Readonly<Record<string, string>>;
}

const frames =
  "Podium's frames, unchanged; our own have the types GATEWAY_STATUS, SNAPSHOT, GAP and JOB_OUTCOME. A job's stream ends with a close 1000 after its last frame, or after a JOB_OUTCOME where no frame of Podium's tells its end; the id of that last one is <epoch>:<seq>:end.";
const webSocket = { status: 101, description: "The WebSocket is open: each text frame is one JSON object." } as const;
const jobStreamProblems = [
  "invalid_request",
  "not_found",
  "rate_limited",
  "audit_unavailable",
  "too_many_clients",
  "shutting_down",
] as const;
const serverSent = { mediaType: "text/event-stream", description: "The same frames as server-sent events." } as const;
const upgradeNote = `A WebSocket: connect with an Upgrade request. ${frames}`;

const dispatchProblems: readonly ProblemCode[] = [
  "invalid_request",
  "forbidden_role",
  // The job of a repeated key, when the log no longer holds its answer.
  "not_found",
  "too_slow",
  "in_flight",
  "too_large",
  "unsupported_media_type",
  "idempotency_mismatch",
  "rate_limited",
  "story_cooldown",
  "podium_unreachable",
  "podium_rejected",
  "podium_invalid_response",
  "audit_unavailable",
  "queue_full",
  "shutting_down",
  "cancelled_by_halt",
  "podium_timeout",
];

const work = {
  dispatch: {
    method: "post",
    path: "/api/orchestrator/dispatch",
    tag: "Dispatch",
    summary: "Every command goes through here",
    description:
      "Validated, recorded durably, signed, forwarded, and the outcome recorded. `retry` in a problem says whether it is safe to send again; an error that is no problem document, such as a bare 400 of the server below, says nothing of what was executed: repeat with the same `Idempotency-Key` only. No action ends a halt: starting again is Podium's own affair, by its command `START_ORCHESTRATOR`.",
    headers: {
      "Idempotency-Key": `${idempotencyKeyForm}. The same key and body get the stored answer.`,
    },
    body: { name: "DispatchRequest", schema: dispatchRequestSchema },
    answer: {
      name: "DispatchAnswer",
      schema: dispatchAnswerSchema,
      headers: { "Idempotency-Replayed": "`true` when this is the stored answer of an earlier request." },
    },
    problems: dispatchProblems,
  },
  status: {
    method: "get",
    path: "/api/orchestrator/status",
    tag: "Jobs",
    summary: "Podium's status as it came, beside our own part",
    answer: { name: "Status", schema: statusAnswerSchema },
    problem: { name: "StatusProblem", schema: statusProblemSchema },
    problems: ["podium_unreachable", "podium_rejected", "podium_invalid_response", "podium_timeout"],
  },
  job: {
    method: "get",
    path: "/api/orchestrator/status/{job_id}",
    tag: "Jobs",
    summary: "What became of one dispatch",
    answer: { name: "Job", schema: jobAnswerSchema },
    problems: ["invalid_request", "not_found", "rate_limited", "audit_unavailable"],
  },
  jobs: {
    method: "get",
    path: "/api/orchestrator/jobs",
    tag: "Jobs",
    summary: "Dispatches, newest first",
    query: jobsQuerySchema,
    answer: { name: "Jobs", schema: jobsAnswerSchema },
    problems: ["invalid_request", "rate_limited", "audit_unavailable"],
  },
} as const satisfies Readonly<Record<string, Operation>>;

const streams = {
  stream: {
    method: "get",
    path: "/api/orchestrator/stream",
    tag: "Stream",
    summary: "Podium's telemetry, live (WebSocket)",
    description: upgradeNote,
    query: streamQuerySchema,
    answer: webSocket,
    problems: ["invalid_request", "too_many_clients", "shutting_down"],
  },
  jobStream: {
    method: "get",
    path: "/api/orchestrator/stream/{job_id}",
    tag: "Stream",
    summary: "What is known and what happens of one job (WebSocket)",
    description: upgradeNote,
    query: streamQuerySchema,
    answer: webSocket,
    problems: jobStreamProblems,
  },
  events: {
    method: "get",
    path: "/api/orchestrator/events",
    tag: "Stream",
    summary: "Podium's telemetry, live (server-sent events)",
    description: frames,
    query: streamQuerySchema,
    headers: { "Last-Event-ID": "Cursor to resume after." },
    answer: serverSent,
    problems: ["invalid_request", "too_many_clients", "shutting_down"],
  },
  jobEvents: {
    method: "get",
    path: "/api/orchestrator/events/{job_id}",
    tag: "Stream",
    summary: "What is known and what happens of one job (server-sent events)",
    description: frames,
    query: streamQuerySchema,
    headers: { "Last-Event-ID": "Cursor to resume after." },
    answer: serverSent,
    instead: {
      status: 204,
      description: "The job has ended, and whoever resumes has seen its end (Last-Event-ID …:end): stay away.",
    },
    problems: jobStreamProblems,
  },
} as const satisfies Readonly<Record<string, Operation>>;

const audit = {
  audit: {
    method: "get",
    path: "/api/orchestrator/audit",
    tag: "Audit",
    summary: "The log, filtered and by pages",
    query: auditQuerySchema,
    answer: { name: "AuditPage", schema: auditPageSchema },
    problems: ["invalid_request", "rate_limited", "audit_unavailable"],
  },
  auditHead: {
    method: "get",
    path: "/api/orchestrator/audit/head",
    tag: "Audit",
    summary: "The last record and the newest signed checkpoint",
    answer: { name: "AuditHead", schema: auditHeadSchema },
    problems: ["audit_unavailable"],
  },
  auditVerify: {
    method: "get",
    path: "/api/orchestrator/audit/verify",
    tag: "Audit",
    summary: "Check the whole chain",
    answer: { name: "AuditVerdict", schema: auditVerdictSchema },
    problems: ["audit_unavailable"],
  },
  auditDispatch: {
    method: "get",
    path: "/api/orchestrator/audit/{audit_id}",
    tag: "Audit",
    summary: "All records of one dispatch, as they are stored",
    answer: { name: "AuditRecords", schema: auditRecordsSchema },
    problems: ["invalid_request", "not_found", "rate_limited", "audit_unavailable"],
  },
  auditProof: {
    method: "get",
    path: "/api/orchestrator/audit/{audit_id}/proof",
    tag: "Audit",
    summary: "Evidence about one dispatch, to check anywhere",
    answer: { name: "AuditProof", schema: auditProofSchema },
    problems: ["invalid_request", "not_found", "rate_limited", "audit_unavailable"],
  },
} as const satisfies Readonly<Record<string, Operation>>;

const running = {
  jwks: {
    method: "get",
    path: "/.well-known/jwks.json",
    tag: "Operations",
    summary: "The public keys that check our tokens for Podium (RFC 7517); none where a shared secret signs",
    open: true,
    answer: { mediaType: "application/jwk-set+json", name: "JwkSet", schema: jwkSetSchema },
  },
  services: {
    method: "get",
    path: "/api/services",
    tag: "Operations",
    summary: "The port map with the health of each neighbour",
    answer: { name: "Services", schema: servicesAnswerSchema },
  },
  session: {
    method: "get",
    path: "/api/session",
    tag: "Operations",
    summary: "Who one is here",
    answer: { name: "Session", schema: sessionAnswerSchema },
  },
  beginSession: {
    method: "post",
    path: "/api/session",
    tag: "Operations",
    summary: "Show a token once and get a cookie for the browser",
    answer: { name: "Session", schema: sessionAnswerSchema },
  },
  endSession: {
    method: "delete",
    path: "/api/session",
    tag: "Operations",
    summary: "End the browser's session",
    answer: { name: "Done", schema: doneSchema },
  },
  health: {
    method: "get",
    path: "/health",
    tag: "Operations",
    summary: "Alive",
    open: true,
    answer: { name: "Health", schema: healthAnswerSchema },
  },
  ready: {
    method: "get",
    path: "/ready",
    tag: "Operations",
    summary: "Able to dispatch; 503 when not",
    answer: { name: "Ready", schema: readyAnswerSchema },
    instead: { status: 503, name: "Ready", schema: readyAnswerSchema },
  },
  metrics: {
    method: "get",
    path: "/metrics",
    tag: "Operations",
    summary: "Numbers for Prometheus",
    answer: { mediaType: "text/plain", description: "Exposition format 0.0.4." },
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** By their ids. */
export const operations = { ...work, ...streams, ...audit, ...running } as const;

export type Operations = typeof operations;
