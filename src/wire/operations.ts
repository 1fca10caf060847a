import { z } from "zod";
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
} from "./answers.ts";
import { auditQuerySchema } from "./audit.ts";
import { dispatchAnswerSchema, dispatchRequestSchema } from "./dispatch.ts";
import { jobsQuerySchema } from "./jobs.ts";

/** One thing that the API does. What a handler validates with is what stands here. */
export interface Operation {
  readonly method: "get" | "post" | "delete";
  /** With parameters in braces. */
  readonly path: string;
  readonly id: string;
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
  /** Besides those that everything may end in. */
  readonly problems?: readonly ProblemCode[];
}

/** The body of a 200: JSON by a schema, or something else by its media type. */
export type Answer =
  | { readonly name: string; readonly schema: z.ZodType }
  | { readonly mediaType: string; readonly description: string };

const streamQuery = z.object({
  types: z.string().describe("Only these types of Podium's frames, separated by commas.").optional(),
  envelope: z.enum(["1"]).describe("Wrap each frame: {id, at, event}.").optional(),
  since: z.string().describe("Cursor to resume after: <epoch>:<seq>.").optional(),
});
const frames =
  "Podium's frames, unchanged; our own have the types GATEWAY_STATUS, SNAPSHOT and GAP. A job's stream ends with a close 1000 after its last frame.";
const webSocket = { mediaType: "application/json", description: "Each text frame is one JSON object." };
const serverSent = { mediaType: "text/event-stream", description: "The same frames as server-sent events." };
const upgradeNote = `A WebSocket: connect with an Upgrade request. ${frames}`;

const dispatchProblems: readonly ProblemCode[] = [
  "invalid_request",
  "forbidden_role",
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

const work: readonly Operation[] = [
  {
    method: "post",
    path: "/api/orchestrator/dispatch",
    id: "dispatch",
    tag: "Dispatch",
    summary: "Every command goes through here",
    description:
      "Validated, recorded durably, signed, forwarded, and the outcome recorded. `retry` in a problem says whether it is safe to send again.",
    headers: { "Idempotency-Key": "1 to 255 printable ASCII characters. The same key and body get the stored answer." },
    body: { name: "DispatchRequest", schema: dispatchRequestSchema },
    answer: { name: "DispatchAnswer", schema: dispatchAnswerSchema },
    problems: dispatchProblems,
  },
  {
    method: "get",
    path: "/api/orchestrator/status",
    id: "status",
    tag: "Jobs",
    summary: "Podium's status as it came, beside our own part",
    answer: { name: "Status", schema: statusAnswerSchema },
    problems: ["podium_unreachable", "podium_rejected", "podium_invalid_response", "podium_timeout"],
  },
  {
    method: "get",
    path: "/api/orchestrator/status/{job_id}",
    id: "job",
    tag: "Jobs",
    summary: "What became of one dispatch",
    answer: { name: "Job", schema: jobAnswerSchema },
    problems: ["invalid_request", "not_found"],
  },
  {
    method: "get",
    path: "/api/orchestrator/jobs",
    id: "jobs",
    tag: "Jobs",
    summary: "Dispatches, newest first",
    query: jobsQuerySchema,
    answer: { name: "Jobs", schema: jobsAnswerSchema },
    problems: ["invalid_request"],
  },
];

const streams: readonly Operation[] = [
  {
    method: "get",
    path: "/api/orchestrator/stream",
    id: "stream",
    tag: "Stream",
    summary: "Podium's telemetry, live (WebSocket)",
    description: upgradeNote,
    query: streamQuery,
    answer: webSocket,
    problems: ["invalid_request", "too_many_clients"],
  },
  {
    method: "get",
    path: "/api/orchestrator/stream/{job_id}",
    id: "jobStream",
    tag: "Stream",
    summary: "What is known and what happens of one job (WebSocket)",
    description: upgradeNote,
    query: streamQuery,
    answer: webSocket,
    problems: ["invalid_request", "not_found", "too_many_clients"],
  },
  {
    method: "get",
    path: "/api/orchestrator/events",
    id: "events",
    tag: "Stream",
    summary: "Podium's telemetry, live (server-sent events)",
    description: frames,
    query: streamQuery,
    headers: { "Last-Event-ID": "Cursor to resume after." },
    answer: serverSent,
    problems: ["too_many_clients"],
  },
  {
    method: "get",
    path: "/api/orchestrator/events/{job_id}",
    id: "jobEvents",
    tag: "Stream",
    summary: "What is known and what happens of one job (server-sent events)",
    description: frames,
    query: streamQuery,
    headers: { "Last-Event-ID": "Cursor to resume after." },
    answer: serverSent,
    problems: ["invalid_request", "not_found", "too_many_clients"],
  },
];

const audit: readonly Operation[] = [
  {
    method: "get",
    path: "/api/orchestrator/audit",
    id: "audit",
    tag: "Audit",
    summary: "The log, filtered and by pages",
    query: auditQuerySchema,
    answer: { name: "AuditPage", schema: auditPageSchema },
    problems: ["invalid_request", "audit_unavailable"],
  },
  {
    method: "get",
    path: "/api/orchestrator/audit/head",
    id: "auditHead",
    tag: "Audit",
    summary: "The last record and the newest signed checkpoint",
    answer: { name: "AuditHead", schema: auditHeadSchema },
  },
  {
    method: "get",
    path: "/api/orchestrator/audit/verify",
    id: "auditVerify",
    tag: "Audit",
    summary: "Check the whole chain",
    answer: { name: "AuditVerdict", schema: auditVerdictSchema },
  },
  {
    method: "get",
    path: "/api/orchestrator/audit/{audit_id}",
    id: "auditDispatch",
    tag: "Audit",
    summary: "All records of one dispatch, as they are stored",
    answer: { name: "AuditRecords", schema: auditRecordsSchema },
    problems: ["invalid_request", "not_found", "audit_unavailable"],
  },
  {
    method: "get",
    path: "/api/orchestrator/audit/{audit_id}/proof",
    id: "auditProof",
    tag: "Audit",
    summary: "Evidence about one dispatch, to check anywhere",
    answer: { name: "AuditProof", schema: auditProofSchema },
    problems: ["invalid_request", "not_found", "audit_unavailable"],
  },
];

const running: readonly Operation[] = [
  {
    method: "get",
    path: "/api/services",
    id: "services",
    tag: "Operations",
    summary: "The port map with the health of each neighbour",
    answer: { name: "Services", schema: servicesAnswerSchema },
  },
  {
    method: "get",
    path: "/api/session",
    id: "session",
    tag: "Operations",
    summary: "Who one is here",
    answer: { name: "Session", schema: sessionAnswerSchema },
  },
  {
    method: "post",
    path: "/api/session",
    id: "beginSession",
    tag: "Operations",
    summary: "Show a token once and get a cookie for the browser",
    answer: { name: "Session", schema: sessionAnswerSchema },
  },
  {
    method: "delete",
    path: "/api/session",
    id: "endSession",
    tag: "Operations",
    summary: "End the browser's session",
    answer: { name: "Done", schema: doneSchema },
  },
  {
    method: "get",
    path: "/health",
    id: "health",
    tag: "Operations",
    summary: "Alive",
    open: true,
    answer: { name: "Health", schema: healthAnswerSchema },
  },
  {
    method: "get",
    path: "/ready",
    id: "ready",
    tag: "Operations",
    summary: "Able to dispatch; 503 when not",
    answer: { name: "Ready", schema: readyAnswerSchema },
  },
  {
    method: "get",
    path: "/metrics",
    id: "metrics",
    tag: "Operations",
    summary: "Numbers for Prometheus",
    answer: { mediaType: "text/plain", description: "Exposition format 0.0.4." },
  },
];

export const operations: readonly Operation[] = [...work, ...streams, ...audit, ...running];
