import { z } from "zod";
import { timestampOf } from "../lib/clock.ts";
import { idSchema } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import type { Caller } from "./admission.ts";
import type { Answer } from "./commands.ts";
import type { Decision } from "./kernel.ts";
import type { Orchestrator } from "./orchestrator.ts";
import type { Story } from "./story.ts";
import { Refusal } from "./vocabulary.ts";

/** The three steps of a SKOREQ plan, by the last segment of their path. */
export const planSteps = ["prepare-apply", "apply", "enqueue"] as const;
export type PlanStep = (typeof planSteps)[number];

const requestSchema = z.looseObject({ planId: idSchema, nonce: z.string().max(512).optional() });

/** Runs one step of a plan. @throws Refusal with the orchestrator's reason */
export function runPlanStep(step: PlanStep, body: object, by: Caller, orchestrator: Orchestrator): Answer {
  const checked = requestSchema.safeParse(body);
  if (!checked.success) {
    const words = faultsOf(checked.error).map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`);
    throw new Refusal(`Cannot run skoreq ${step}: ${words.join("; ")}`);
  }
  const { planId, nonce } = checked.data;
  if (step === "prepare-apply") return prepare(planId, orchestrator);
  if (step === "apply") return apply(planId, nonce, by, orchestrator);
  return enqueuePlan(planId, by, orchestrator);
}

function prepare(planId: string, { plans }: Orchestrator): Answer {
  const { plan, stories, nonce, expiresAtMs } = plans.prepare(planId);
  const staged = {
    title: plan.title,
    epics: plan.epics.map(({ epicId, title }) => ({ epicId, title })),
    stories: stories.map(stagedStory),
  };
  const message = `Staged: ${counted(stories.length)}; apply the plan with the nonce`;
  return {
    success: true,
    command: "PREPARE_APPLY",
    planId,
    nonce,
    expiresAt: timestampOf(expiresAtMs),
    staged,
    message,
  };
}

/** Shows the command too: whoever confirms a plan should see what it will execute. */
function stagedStory({ storyId, title, queue, dependencies, command }: Story) {
  return { storyId, title, queue, dependencies, ...(command && { command }) };
}

function apply(planId: string, nonce: string | undefined, by: Caller, { plans }: Orchestrator): Answer {
  const { stories } = plans.apply(planId, nonce, by);
  const message = `Added: ${counted(stories.length)}; enqueue the plan to run them`;
  return { success: true, command: "APPLY", planId, status: "applied", stories, message };
}

/** Every story goes through the kernel; those with open dependencies wait in the queue as `blocked`. */
function enqueuePlan(planId: string, by: Caller, { plans, kernel, conductor }: Orchestrator): Answer {
  const common = { force: false, bypassDependencies: false, waitForDependencies: true, planId };
  const decisions = kernel.enqueue(
    plans.storiesOf(planId).map((storyId) => ({ storyId, ...common })),
    by,
  );
  const taken = (decision: Decision["decision"]): string[] =>
    decisions.filter((d) => d.decision === decision).map(({ storyId }) => storyId);
  const refused = decisions.flatMap(({ storyId, decision, reason = "" }) =>
    decision === "refused" ? [{ storyId, reason }] : [],
  );
  if (refused.length === decisions.length) throw new Refusal(`Cannot enqueue plan ${planId}: ${summaryOf(refused)}`);
  conductor.beatSoon();
  const [queued, waiting, alreadyQueued] = [taken("queued"), taken("waiting"), taken("already_queued")];
  const message = `Queued: ${counted(queued.length)}; waiting for dependencies: ${counted(waiting.length)}`;
  return {
    success: true,
    command: "ENQUEUE_PLAN",
    planId,
    status: "queued",
    queued,
    waiting,
    alreadyQueued,
    refused,
    message,
  };
}

/** The same reason for all is said once. */
function summaryOf(refused: readonly { storyId: string; reason: string }[]): string {
  const reasons = new Set(refused.map(({ reason }) => reason));
  if (reasons.size === 1) return `${[...reasons].join("")} (all ${refused.length} stories)`;
  return refused.map(({ storyId, reason }) => `${storyId}: ${reason}`).join("; ");
}

function counted(stories: number): string {
  return stories === 1 ? "1 story" : `${stories} stories`;
}
