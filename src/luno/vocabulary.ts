/** The orchestrator's own words (Podium's wire contract), and the name under which this one says what it is. */

export const standInName = "roxy-core luno, a stand-in for Podium";

export const storyStatuses = [
  "todo",
  "pending",
  "queued",
  "in_progress",
  "blocked",
  "done",
  "cancelled",
  "failed",
] as const;
export type StoryStatus = (typeof storyStatuses)[number];

export const queueNames = ["free-tier", "paid-tier", "special"] as const;
export type QueueName = (typeof queueNames)[number];

/** A "no" in the orchestrator's own words: `{"success": false, "error": …}`, under 200 unless said otherwise. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly status: 200 | 400 | 401 | 403 | 404 | 405 | 413 | 503;

  constructor(message: string, status: Refusal["status"] = 200) {
    super(message);
    this.status = status;
  }
}
