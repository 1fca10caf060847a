import { z } from "zod";

/** What may be asked of the orchestrator: the closed set of the API contract. */
export const actions = [
  "enqueue_story",
  "cancel_story",
  "prepare_apply",
  "apply_plan",
  "enqueue_plan",
  "halt",
  "status",
] as const;
export type Action = (typeof actions)[number];

/** Ids of stories and plans, such as `STORY-001` or `SKOREQ-OBS-EPIC-001-STORY-002`. */
export const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;
export const idSchema = z
  .string()
  .regex(idPattern, "Expected 1 to 128 letters, digits, '.', '_', ':' or '-', starting with a letter or digit");

/** What an Idempotency-Key may be, in words; the header is read in `dispatch/command.ts`. */
export const idempotencyKeyForm =
  "1 to 255 printable ASCII characters, no comma; a space, quote or backslash only in a quoted string";

/** A nonce as Podium made it: opaque, so only bounded and printable. */
const nonceSchema = z.string().regex(/^[\x21-\x7e]{1,512}$/, "Expected 1 to 512 printable ASCII characters, no spaces");

/** Names that people give themselves: any text of one line. 128 characters hold an e-mail address or a UUID. */
const nameSchema = z
  .string()
  .min(1, "Expected at least one character")
  .max(128, "Expected at most 128 characters")
  .regex(/^\P{C}*$/u, "Control and format characters are not allowed");

/** 4 KiB as JSON: enough for flags and short texts, too little to smuggle a plan past the audit line's limit. */
export const optionsBytesMax = 4096;
/** Names that Podium's side of a command already uses; an option must not overwrite them. */
const reservedOptions = new Set([
  "type",
  "storyId",
  "planId",
  "nonce",
  "story_id",
  "plan_id",
  "constructor",
  "prototype",
]);
const optionKeySchema = z
  .string()
  .regex(/^[A-Za-z_][A-Za-z0-9_]{0,63}$/, "Expected an option name of letters, digits and '_'")
  .refine((key) => !reservedOptions.has(key), "This name is reserved for the command itself");

/** `-0` is an integer to zod, and has no text of its own in JSON. */
const integerSchema = z.int().refine((value) => !Object.is(value, -0));

const optionsSchema = z
  .record(
    optionKeySchema,
    z.union([z.string(), z.boolean(), integerSchema], "Expected a string, a boolean or an integer"),
  )
  .refine(
    (options) => new TextEncoder().encode(JSON.stringify(options)).length <= optionsBytesMax,
    `Expected at most ${optionsBytesMax} bytes as JSON`,
  );
export type Options = z.infer<typeof optionsSchema>;

const authSchema = z.strictObject({ user_id: nameSchema.optional(), session_id: nameSchema.optional() });

const options = optionsSchema.optional();
const storyPayload = z.strictObject({ story_id: idSchema, options });
const planPayload = z.strictObject({ plan_id: idSchema, options });
const applyPayload = z.strictObject({ plan_id: idSchema, nonce: nonceSchema, options });
const enqueuePlanPayload = z.strictObject({ plan_id: idSchema, nonce: nonceSchema.optional(), options });
const haltPayload = z.strictObject({ options }).optional();
const noOptions = z.never("Not with this action: a status is asked for without a body").optional();
const statusPayload = z.strictObject({ options: noOptions }).optional();

const around = { source: nameSchema.optional(), auth: authSchema.optional() };

/** The body of `POST /api/orchestrator/dispatch`. */
export const dispatchRequestSchema = z.discriminatedUnion("action", [
  z.strictObject({ action: z.literal("enqueue_story"), payload: storyPayload, ...around }),
  z.strictObject({ action: z.literal("cancel_story"), payload: storyPayload, ...around }),
  z.strictObject({ action: z.literal("prepare_apply"), payload: planPayload, ...around }),
  z.strictObject({ action: z.literal("apply_plan"), payload: applyPayload, ...around }),
  z.strictObject({ action: z.literal("enqueue_plan"), payload: enqueuePlanPayload, ...around }),
  z.strictObject({ action: z.literal("halt"), payload: haltPayload, ...around }),
  z.strictObject({ action: z.literal("status"), payload: statusPayload, ...around }),
]);
export type DispatchRequest = z.infer<typeof dispatchRequestSchema>;

/** A validated command, flat: what the audit log records and what Podium's routes are filled from. */
export interface Command {
  readonly action: Action;
  readonly story_id?: string;
  readonly plan_id?: string;
  readonly nonce?: string;
  readonly options?: Options;
}

/** What can start work or change a plan. These count against the limits. */
const limited: ReadonlySet<Action> = new Set(["enqueue_story", "prepare_apply", "apply_plan", "enqueue_plan"]);
/** What must never happen twice. Repeating any other action has no effect beyond the first. */
const executing: ReadonlySet<Action> = new Set(["enqueue_story", "apply_plan", "enqueue_plan"]);

export function isLimited(action: Action): boolean {
  return limited.has(action);
}

export function isExecuting(action: Action): boolean {
  return executing.has(action);
}

interface About {
  readonly action: Action;
  readonly story_id?: string | undefined;
  readonly plan_id?: string | undefined;
}

/** What the cooldown and the reconciliation are about: a story, or one step of a plan. */
export function subjectOf({ action, story_id, plan_id }: About): string {
  return story_id !== undefined ? `story ${story_id}` : `${action} ${plan_id ?? ""}`;
}

/** Where an intent stands in the audit chain: proof for the caller, and claims in Podium's token. */
export const receiptSchema = z.object({ seq: z.int().min(0), hash: z.string().regex(/^[0-9a-f]{64}$/) });
export type Receipt = z.infer<typeof receiptSchema>;

/** Our own word for a job; Podium's words are in `podium_status`. */
export const jobStatuses = ["pending", "queued", "rejected", "failed", "unknown"] as const;
export type JobStatus = (typeof jobStatuses)[number];

export const dispatchAnswerSchema = z.object({
  success: z.literal(true),
  job_id: z.string(),
  status: z.enum(jobStatuses),
  audit_id: z.string(),
  stream_url: z.string(),
  podium_result: z
    .unknown()
    .describe(
      "Podium's answer as it came. A stored answer has null where it is longer than 200,000 bytes as a JSON string (4,096 of a status).",
    ),
  receipt: receiptSchema,
});
export type DispatchAnswer = z.infer<typeof dispatchAnswerSchema>;
