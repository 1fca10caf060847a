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

/** The newest preparation of a plan that came through, as this page knows it. */
export interface Prepared {
  readonly jobId: string;
  readonly result: Fields;
}

/**
 * What was staged last, from this page or from elsewhere: a nonce is good until the next one is made.
 * @param jobs newest first
 * @param own this page's, which the list may not have yet
 * @returns undefined when nothing is known, or when a later step has been taken since
 */
export function newestStaging(planId: string, jobs: readonly Job[], own?: Prepared): Staging | undefined {
  const last = jobs.find((job) => job.planId === planId && job.status === "queued");
  if (own && (!last || !isLater(last.jobId, own.jobId))) return stagingOf(own.result);
  return last?.prepared && stagingOf(last.prepared);
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

/**
 * @param accepted when each step was last accepted in this page, in milliseconds
 * @param word Podium's own word for the plan
 */
export function planStage(
  accepted: { readonly prepare?: number; readonly apply?: number; readonly enqueue?: number },
  word: string | undefined,
): PlanStage {
  const { prepare = 0, apply = 0, enqueue = 0 } = accepted;
  if (enqueue > 0 && enqueue >= apply && enqueue >= prepare) return "enqueued";
  if (apply > 0 && apply >= prepare) return "applied";
  if (prepare > 0) return "staged";
  if (word === "applied") return "applied";
  return word === "running" || word === "done" ? "enqueued" : "new";
}
