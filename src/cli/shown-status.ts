import type { Action } from "../wire/dispatch.ts";

/** What Podium has done when it has answered: nothing of it waits in a queue. */
const queuesNothing: ReadonlySet<string> = new Set<Action>([
  "halt",
  "status",
  "cancel_story",
  "prepare_apply",
  "apply_plan",
]);

/** The panel's word. */
export const answeredWord = "answered";

/**
 * A job's status as a person reads it. The contract calls all that Podium has taken `queued`; of a halt that would alarm
 * whoever looks whether it has worked.
 */
export function shownStatus({ action, status }: { readonly action: string; readonly status: string }): string {
  return status === "queued" && queuesNothing.has(action) ? answeredWord : status;
}
