import { z } from "zod";
import { actions, idSchema } from "./dispatch.ts";
import { momentExpected, momentOf } from "./moment.ts";
import { wholeNumber } from "./whole-number.ts";

/** The closed set. One `intent` has exactly one `outcome`, or is closed as `unknown`. */
export const auditEvents = [
  "genesis",
  "open",
  "intent",
  "outcome",
  "unknown",
  "rejected",
  "job",
  "checkpoint",
  "recover",
  "close",
  "prune",
  "key",
] as const;
export type AuditEvent = (typeof auditEvents)[number];

/** Records on one page. */
const auditPageMax = 500;
const auditPageDefault = 50;

const expected = `${momentExpected} (in a URL, + is %2B)`;
const moment = (side: "from" | "to"): z.ZodType<string, string> =>
  z
    .string()
    .max(40, expected)
    .refine((text) => momentOf(text, side) !== undefined, expected);
const name = z.string().min(1).max(128);

/** The query of `GET /api/orchestrator/audit`. Values are strings, as a URL gives them. */
export const auditQuerySchema = z.strictObject({
  event: z.enum(auditEvents).optional(),
  action: z.enum(actions).optional(),
  story: idSchema.optional(),
  plan: idSchema.optional(),
  user: name.optional(),
  source: name.optional(),
  job: z.string().max(64).optional(),
  result: z.string().max(64).optional(),
  from: moment("from").optional().describe("A day, or an RFC 3339 time; inclusive."),
  to: moment("to").optional().describe("A day, which is included, or an RFC 3339 time, which is not."),
  order: z.enum(["newest", "oldest"]).default("newest"),
  limit: wholeNumber(1, auditPageMax).default(auditPageDefault),
  /** The seq of the last record of the page before. */
  cursor: wholeNumber(0, Number.MAX_SAFE_INTEGER, "Not a cursor of ours").optional(),
});
export type AuditQuery = z.output<typeof auditQuerySchema>;
