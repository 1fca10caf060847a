import type { Job } from "./jobs.ts";
import { endings } from "./jobs.ts";

export type StepState = "done" | "now" | "ahead" | "good" | "bad" | "doubt" | "left";

export interface Step {
  readonly name: string;
  readonly state: StepState;
  /** RFC 3339, when it is known. */
  readonly at?: string;
}

/** When each of Podium's words about a job was heard by this page: the job itself keeps only the newest. */
export type Heard = ReadonlyMap<string, string>;

/**
 * The way of a dispatch: intent → forwarded → queued → running → done. A command that starts no story ends with its
 * answer.
 * @param newer the job that came after it about the same story, if there is one: Podium's words went on to that
 */
export function timelineOf(job: Job, heard: Heard = new Map(), newer?: Job): Step[] {
  const intent: Step = { name: "Intent", state: "done", at: job.createdAt };
  if (job.status === "pending") return [intent, { name: "Forwarded", state: "now" }, ...ahead(job)];
  if (job.status === "failed") return [intent, step("Not sent", "bad", job.answeredAt)];
  const forwarded = step("Forwarded", "done", undefined);
  if (job.status === "rejected") return [intent, forwarded, step("Refused", "bad", job.answeredAt)];
  if (job.status === "unknown") return [intent, forwarded, step("No answer", "doubt", job.answeredAt)];
  if (job.action === "enqueue_plan") return [intent, forwarded, step("Queued", "good", job.answeredAt)];
  if (job.action !== "enqueue_story") return [intent, forwarded, step("Answered", "good", job.answeredAt)];
  return [intent, forwarded, ...storySteps(job, heard, newer)];
}

/** Words that nothing gets without having run. */
const ranWords = new Set(["in_progress", "done", "failed", "completed"]);

function ahead(job: Job): Step[] {
  const names = job.action === "enqueue_story" ? ["Queued", "Running", "Done"] : ["Answered"];
  return names.map((name) => ({ name, state: "ahead" }));
}

function storySteps(job: Job, heard: Heard, newer: Job | undefined): Step[] {
  const word = job.podiumStatus ?? "queued";
  const queuedAt = heard.get("queued") ?? job.answeredAt;
  const runningAt = heard.get("in_progress") ?? job.startedAt ?? (word === "in_progress" ? job.podiumAt : undefined);
  const wasRunning = runningAt !== undefined || ranWords.has(word);
  if (endings.has(word)) {
    const ran: Step[] = wasRunning ? [step("Running", "done", runningAt)] : [];
    return [step("Queued", "done", queuedAt), ...ran, ending(word, job.podiumAt)];
  }
  const over = newer && (newer.action === "cancel_story" || endings.has(newer.podiumStatus ?? ""));
  if (over) {
    return [
      step("Queued", "done", queuedAt),
      ...(wasRunning ? [step("Running", "done", runningAt)] : []),
      taken(newer),
    ];
  }
  if (word === "in_progress") {
    return [step("Queued", "done", queuedAt), step("Running", "now", runningAt), { name: "Done", state: "ahead" }];
  }
  const waiting = word === "blocked" ? "Waiting" : "Queued";
  return [step(waiting, "now", queuedAt), { name: "Running", state: "ahead" }, { name: "Done", state: "ahead" }];
}

function ending(word: string, at: string | undefined): Step {
  if (word === "failed") return step("Failed", "bad", at);
  if (word === "cancelled") return step("Cancelled", "left", at);
  return step("Done", "good", at);
}

/** The story was taken up by a later dispatch, whose own line tells the rest. */
function taken(newer: Job): Step {
  const cancelled = newer.action === "cancel_story" || newer.podiumStatus === "cancelled";
  return step(cancelled ? "Cancelled" : "Taken up again", "left", newer.podiumAt ?? newer.answeredAt);
}

function step(name: string, state: StepState, at: string | undefined): Step {
  return { name, state, ...(at !== undefined && { at }) };
}
