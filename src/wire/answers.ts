import { z } from "zod";
import { actions, jobStatuses, receiptSchema } from "./dispatch.ts";
import { problemSchema } from "./problem.ts";

/** What our answers look like, besides that of a dispatch: for the contract, and for the tests that hold us to it. */

const success = z.literal(true);
const moment = z.iso.datetime();
/** Podium's own JSON, as it came. */
const podiumJson = z.unknown();

const jobFields = z.object({
  job_id: z.string(),
  audit_id: z.string(),
  action: z.enum(actions),
  story_id: z.string().optional(),
  plan_id: z.string().optional(),
  source: z.string(),
  user_id: z.string().optional(),
  session_id: z.string().optional(),
  auth_mode: z.string(),
  status: z.enum(jobStatuses),
  podium_status: z.string().nullable(),
  code: z.string().optional(),
  detail: z.string().optional(),
  retry: z.string().optional(),
  receipt: receiptSchema,
  created_at: moment,
  updated_at: moment,
  answered_at: moment.optional(),
  podium_started_at: moment.optional(),
  podium_at: moment.optional(),
  stream_url: z.string(),
  podium_result: podiumJson.describe("Podium's answer as it came; null when it is too long for the log, too."),
  podium_result_bytes: z.int().optional().describe("Bytes of an answer that was too long for the log."),
  last_event: podiumJson,
});

export const jobAnswerSchema = jobFields.extend({ success });
export const jobsAnswerSchema = z.object({ success, jobs: z.array(jobFields), next: z.string().nullable() });

/** What roxy-core says of itself. */
const gatewaySchema = z.looseObject({
  version: z.string(),
  commit: z.string(),
  runtime: z.string(),
  audit: z.looseObject({ state: z.enum(["open", "failed", "closed"]), seq: z.int(), hash: z.string() }),
  stream: z.looseObject({ upstream: z.string(), clients: z.int(), cursor: z.string(), oldest_cursor: z.string() }),
  lane: z.looseObject({ in_flight: z.int(), waiting: z.int(), max_in_flight: z.int() }),
});

export const statusAnswerSchema = z.object({ success, podium: podiumJson, gateway: gatewaySchema });
/** Podium's status can't be had: our own part comes all the same. */
export const statusProblemSchema = problemSchema.extend({ gateway: gatewaySchema });
export const readyAnswerSchema = z.object({
  success: z.boolean(),
  reason: z.string().optional(),
  gateway: gatewaySchema,
});
export const healthAnswerSchema = z.object({ success, status: z.literal("ok") });

/** A record of the log, as it is stored; which fields it has depends on its event. */
const recordSchema = z.looseObject({
  v: z.literal(1),
  seq: z.int().min(0),
  timestamp: moment,
  event: z.string(),
  prev_hash: z.string().regex(/^[0-9a-f]{64}$/),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
});

export const auditPageSchema = z.object({ success, records: z.array(recordSchema), next: z.string().nullable() });
export const auditRecordsSchema = z.object({ success, records: z.array(recordSchema) });
export const auditHeadSchema = z.object({
  success,
  head: receiptSchema,
  checkpoint: z.string().nullable(),
  checkpoint_size: z.int(),
});
export const auditVerdictSchema = z.looseObject({
  success,
  verified: z.boolean(),
  records: z.int(),
  from_seq: z.int(),
  to_seq: z.int().nullable(),
  signed: z.int(),
  warnings: z.array(z.string()),
});
/** Evidence about one dispatch; `roxy-core audit check-proof` checks it without the log. */
export const auditProofSchema = z.looseObject({});

export const servicesAnswerSchema = z.object({
  success,
  services: z.array(
    z.object({
      name: z.string(),
      url: z.string(),
      port: z.int(),
      health: z.enum(["up", "degraded", "down"]),
      detail: z.string().optional(),
      checked_at: moment,
    }),
  ),
});

export const sessionAnswerSchema = z.object({
  success,
  auth_mode: z.enum(["local", "token"]),
  user_id: z.string().optional(),
  role: z.enum(["admin", "viewer"]),
});
export const doneSchema = z.object({ success });
