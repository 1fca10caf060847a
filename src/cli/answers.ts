import { z } from "zod";

/**
 * What the command line reads of the server's answers. Looser than the server's own schemas on purpose: a newer server
 * may say more, and other words, and must still be understood. What is not understood is left out, never guessed.
 */

const word = z.string().optional().catch(undefined);

export const problemAnswerSchema = z.looseObject({
  success: z.literal(false),
  code: z.string(),
  detail: z.string(),
  retry: z.string().optional().catch(undefined),
  errors: z
    .array(z.object({ pointer: z.string(), detail: z.string() }))
    .optional()
    .catch(undefined),
  job_id: word,
  audit_id: word,
});
export type ProblemAnswer = z.output<typeof problemAnswerSchema>;

const receipt = z.object({ seq: z.int(), hash: z.string() }).optional().catch(undefined);

export const dispatchedSchema = z.looseObject({
  success: z.literal(true),
  job_id: z.string(),
  status: z.string(),
  audit_id: z.string(),
  receipt,
  podium_result: z.unknown().optional(),
});

/** One job, of `status/{job_id}` and of the list. */
export const jobSchema = z.looseObject({
  job_id: z.string(),
  audit_id: word,
  action: z.string().catch("?"),
  story_id: word,
  plan_id: word,
  source: word,
  user_id: word,
  auth_mode: word,
  status: z.string(),
  podium_status: z.string().nullish().catch(undefined),
  code: word,
  detail: word,
  retry: word,
  receipt,
  created_at: word,
  updated_at: word,
  answered_at: word,
  podium_at: word,
  podium_result: z.unknown().optional(),
  last_event: z.unknown().optional(),
});
export type JobAnswer = z.output<typeof jobSchema>;

export const jobsAnswerSchema = z.looseObject({
  success: z.literal(true),
  jobs: z.array(jobSchema),
  next: z.string().nullish().catch(undefined),
});

const count = z.number().optional().catch(undefined);

/** What roxy-core says of itself. */
const gatewaySchema = z
  .looseObject({
    version: word,
    commit: word,
    audit: z.looseObject({ state: word, seq: count }).optional().catch(undefined),
    stream: z.looseObject({ upstream: word, clients: count, cursor: word }).optional().catch(undefined),
    lane: z.looseObject({ in_flight: count, waiting: count }).optional().catch(undefined),
  })
  .optional()
  .catch(undefined);
export type GatewayAnswer = z.output<typeof gatewaySchema>;

export const statusAnswerSchema = z.looseObject({ podium: z.unknown().optional(), gateway: gatewaySchema });
export const readyAnswerSchema = z.looseObject({ success: z.boolean(), reason: word, gateway: gatewaySchema });
