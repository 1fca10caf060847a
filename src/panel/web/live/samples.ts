import { fieldsOf, listOf, numberOf, parseJson } from "../api/json.ts";
import type { Sample } from "../state/history.ts";
import { hourMs } from "../state/history.ts";

const slot = "roxy-queue-depth";

/** The last hour's queue depths as any tab saw them, so that a reload does not begin from nothing. */
export function loadSamples(nowMs: number): Sample[] {
  try {
    return listOf(parseJson(localStorage.getItem(slot) ?? "")).flatMap((item) => {
      const [atMs, depth] = [numberOf(fieldsOf(item)["atMs"]), numberOf(fieldsOf(item)["depth"])];
      return atMs !== undefined && depth !== undefined && atMs > nowMs - hourMs && atMs <= nowMs
        ? [{ atMs, depth }]
        : [];
    });
  } catch {
    return [];
  }
}

export function saveSamples(samples: readonly Sample[]): void {
  try {
    localStorage.setItem(slot, JSON.stringify(samples));
  } catch {
    // A full or forbidden storage costs the chart its past and nothing else.
  }
}
