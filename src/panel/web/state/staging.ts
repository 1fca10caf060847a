import type { Fields } from "../api/json.ts";
import { firstText } from "../api/json.ts";
import type { Job } from "./jobs.ts";
import { readPodium } from "./read-podium.ts";
import type { Story } from "./work.ts";

/** What a prepared plan would do, as far as Podium's answer could be read. */
export interface Staging {
  readonly nonce?: string;
  readonly expiresAt?: string;
  readonly stories: readonly Story[];
  /** The answer as it is, for whoever wants to read it whole. */
  readonly json: string;
}

/** Nodes searched for the nonce: an answer is small, a wrong one may not be. */
const nodesMax = 1_000;

export function stagingOf(result: Fields): Staging {
  const nonce = findNonce(result);
  const expiresAt = firstText(result, "expiresAt", "expires_at", "expires");
  return {
    ...(nonce !== undefined && { nonce }),
    ...(expiresAt !== undefined && { expiresAt }),
    stories: [...(readPodium(result).stories?.values() ?? [])],
    json: JSON.stringify(result, null, 2),
  };
}

/** A step of a plan that Podium has taken. */
export interface PlanStep {
  readonly jobId: string;
  readonly action: string;
  /** When this page was told so, in milliseconds; 0 for a step that the job list tells of. */
  readonly endedMs: number;
  /** Podium's answer to a preparation. */
  readonly result?: Fields | undefined;
}

/** How far a plan has been brought through this door. */
export interface PlanProgress {
  /** The newest step that was taken: a nonce is good until the next one is made. */
  readonly step?: PlanStep | undefined;
  /** Of a later one nobody knows whether it ran. */
  readonly inDoubt: boolean;
}

/**
 * What was done last, from this page or from elsewhere.
 * @param jobs newest first
 * @param own this page's steps, which the list may not have yet
 */
export function planProgress(planId: string, jobs: readonly Job[], own: readonly PlanStep[] = []): PlanProgress {
  const listed = jobs.filter((job) => job.planId === planId);
  const taken = listed.find(({ status }) => status === "queued");
  const steps = [...own, ...(taken ? [stepOf(taken)] : [])];
  const step = steps.reduce<PlanStep | undefined>(
    (newest, one) => (newest && !isLater(one.jobId, newest.jobId) ? newest : one),
    undefined,
  );
  const inDoubt = listed.some(
    ({ jobId, status, action }) =>
      status === "unknown" && action !== "prepare_apply" && (!step || isLater(jobId, step.jobId)),
  );
  return { step, inDoubt };
}

function stepOf({ jobId, action, prepared }: Job): PlanStep {
  return { jobId, action, endedMs: 0, result: prepared };
}

/** Job ids count within a day, and the day comes first. */
function isLater(jobId: string, than: string): boolean {
  return jobId.localeCompare(than, "en", { numeric: true }) > 0;
}

/** The field's name is only assumed, so any field whose name says nonce will do; the outermost one wins. */
function findNonce(result: Fields): string | undefined {
  const rest: unknown[] = [result];
  for (let seen = 0; rest.length > 0 && seen < nodesMax; seen++) {
    const node = rest.shift();
    if (typeof node !== "object" || node === null) continue;
    for (const [key, value] of Object.entries(node)) {
      if (/nonce/i.test(key) && typeof value === "string" && value !== "") return value;
      rest.push(value);
    }
  }
  return undefined;
}

/** Where a plan is on its way. */
export type PlanStage = "new" | "staged" | "applied" | "enqueued";

const stageOfAction: Readonly<Record<string, PlanStage>> = {
  prepare_apply: "staged",
  apply_plan: "applied",
  enqueue_plan: "enqueued",
};
/** The words of Podium's that say one thing only; every other one says nothing of the steps. */
const stageOfWord: Readonly<Record<string, PlanStage>> = {
  staged: "staged",
  applied: "applied",
  running: "enqueued",
  done: "enqueued",
};

/**
 * Podium's word against the newest step that was taken through this door: the later one tells.
 * @param word Podium's own word for the plan
 * @param askedMs when Podium was asked for it
 */
export function planStage(word: string | undefined, { step, inDoubt }: PlanProgress, askedMs: number): PlanStage {
  const told = stageOfWord[word ?? ""];
  const taken = stageOfAction[step?.action ?? ""];
  if (!step || !taken) return told ?? "new";
  if (!told || step.endedMs >= askedMs) return taken;
  // Whatever is staged was staged through this door: a word that does not know a later step is from before it.
  if (told === "staged") return taken;
  // Prepared again, a plan that was applied or has run keeps that word.
  return taken === "staged" && !inDoubt ? taken : told;
}
