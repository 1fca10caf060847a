import { z } from "zod";
import { actions, idSchema } from "./dispatch.ts";

/** Records on one page. */
export const auditPageMax = 500;
const auditPageDefault = 50;

const moment = z.string().regex(/^\d{4}-\d\d-\d\d(T[\d:.]+Z)?$/, "Expected a day or an RFC 3339 time in UTC");
const name = z.string().min(1).max(128);

/** The query of `GET /api/orchestrator/audit`. Values are strings, as a URL gives them. */
export const auditQuerySchema = z.strictObject({
  event: z
    .string()
    .regex(/^[a-z]{1,16}$/, "Expected an event such as intent")
    .optional(),
  action: z.enum(actions).optional(),
  story: idSchema.optional(),
  plan: idSchema.optional(),
  user: name.optional(),
  source: name.optional(),
  job: z.string().max(64).optional(),
  result: z.string().max(64).optional(),
  /** Inclusive. */
  from: moment.optional(),
  /** Exclusive. */
  to: moment.optional(),
  order: z.enum(["newest", "oldest"]).default("newest"),
  limit: z.coerce.number("Expected a whole number").int().min(1).max(auditPageMax).default(auditPageDefault),
  /** The seq of the last record of the page before. */
  cursor: z.coerce.number("Expected a cursor of ours").int().min(0).max(Number.MAX_SAFE_INTEGER).optional(),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
