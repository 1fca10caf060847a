import type { Fields } from "../api/json.ts";
import { firstText } from "../api/json.ts";
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
