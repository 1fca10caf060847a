import { z } from "zod";
import { actions, idSchema } from "./dispatch.ts";
import { wholeNumber } from "./whole-number.ts";

const notOurs = "Not a cursor of ours";

/** Jobs on one page: a panel shows some dozens; more than 200 is a script, which can page. */
export const jobsPageMax = 200;
const jobsPageDefault = 50;

/** The query of `GET /api/orchestrator/jobs`. Values are strings, as a URL gives them. */
export const jobsQuerySchema = z.strictObject({
  /** Our word or Podium's. */
  status: z
    .string()
    .regex(/^[A-Za-z_-]{1,64}$/, "Expected a status word")
    .optional(),
  story: idSchema.optional(),
  action: z.enum(actions).optional(),
  user: z.string().min(1).max(128).optional(),
  day: z.iso.date("Expected a day such as 2026-01-09").optional(),
  limit: wholeNumber(1, jobsPageMax).default(jobsPageDefault),
  cursor: z.string().min(1, notOurs).max(512, notOurs).optional(),
});
export type JobsQuery = z.output<typeof jobsQuerySchema>;
