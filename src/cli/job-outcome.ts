import type { JobAnswer } from "./answers.ts";
import { tellsStatus } from "../wire/podium.ts";
import { jobSchema } from "./answers.ts";

/** What becomes of a job, put together from whatever tells of it: frames, snapshots, the server's record. */

const goodEnds: ReadonlySet<string> = new Set(["done", "completed", "complete", "succeeded", "success"]);
const badEnds: ReadonlySet<string> = new Set(["failed", "cancelled", "canceled", "rejected", "error"]);

export type Outcome = { readonly good: boolean; readonly word: string };

export interface JobOutcome {
  /** Looks at a frame as it came. */
  take(text: string): void;
  /** Looks at the server's record of the job. */
  takeJob(job: JobAnswer): void;
  /** Undefined as long as something may still happen. */
  readonly outcome: Outcome | undefined;
  /** The newest word about it, for a server that counts other words as an end. */
  readonly lastWord: string | undefined;
}

/** Of a job, in the server's record and in its last frame alike. */
const toldSchema = jobSchema.pick({ status: true, podium_status: true });
type Told = Pick<JobAnswer, "status" | "podium_status">;

/** Nodes of a snapshot that are looked at: its shape is Podium's business, its size is bounded, so is our patience. */
const nodesMax = 100_000;

/** @param storiesOfPlan the stories that a plan's job is about, where Podium's answer names them */
export function jobOutcome(job: JobAnswer, storiesOfPlan: readonly string[]): JobOutcome {
  const stories = new Set(job.story_id === undefined ? storiesOfPlan : [job.story_id]);
  const words = new Map<string, string>();
  let whole: Outcome | undefined;
  let lastWord: string | undefined;
  const outcome = (): Outcome | undefined => whole ?? together([...stories].map((storyId) => words.get(storyId)));
  const learn = (storyId: string, status: string): void => {
    if (job.story_id !== undefined || stories.size === 0 || stories.has(storyId)) lastWord = status;
    if (stories.has(storyId)) words.set(storyId, status);
  };
  const takeJob = ({ status, podium_status: podiumStatus }: Told): void => {
    if (status === "rejected" || status === "failed") whole = { good: false, word: status };
    if (!podiumStatus) return;
    if (job.story_id !== undefined) return learn(job.story_id, podiumStatus);
    lastWord = podiumStatus;
    whole = endOf(podiumStatus) ?? whole;
  };
  const takeFrame = (frame: Record<string, unknown>): void => {
    const { type, storyId, planId, status, podium } = frame;
    if (type === "SNAPSHOT") eachStory(podium, stories, learn);
    if (type === "JOB_OUTCOME") return takeEnd(frame);
    if (typeof status !== "string" || !tellsStatus(type)) return;
    if (typeof storyId === "string") learn(storyId, status);
    else if (planId !== undefined && planId === job.plan_id) whole = endOf(status) ?? whole;
  };
  /** The server has no more to say: what is not known to have ended well by now has not. */
  const takeEnd = (frame: Record<string, unknown>): void => {
    const told = toldSchema.safeParse(frame).data ?? { status: job.status };
    takeJob(told);
    whole = outcome() ?? { good: false, word: lastWord ?? told.status };
  };
  return {
    take(text) {
      const frame = objectIn(text);
      if (frame) takeFrame(frame);
    },
    takeJob,
    get outcome() {
      return outcome();
    },
    get lastWord() {
      return lastWord;
    },
  };
}

function endOf(word: string): Outcome | undefined {
  if (goodEnds.has(word)) return { good: true, word };
  return badEnds.has(word) ? { good: false, word } : undefined;
}

/** Many stories have ended when each of them has; the first bad end is the outcome. */
function together(words: readonly (string | undefined)[]): Outcome | undefined {
  const ends = words.map((word) => (word === undefined ? undefined : endOf(word)));
  if (ends.length === 0 || ends.includes(undefined)) return undefined;
  return ends.find((end) => end?.good === false) ?? ends[0];
}

/** Every object in a status of unknown shape that names one of the stories and has a status. */
function eachStory(
  tree: unknown,
  stories: ReadonlySet<string>,
  found: (storyId: string, status: string) => void,
): void {
  const rest: unknown[] = [tree];
  for (let seen = 0; rest.length > 0 && seen < nodesMax; seen++) {
    const node = rest.pop();
    if (typeof node !== "object" || node === null) continue;
    const { storyId, id, status } = node as Record<string, unknown>;
    const name = typeof storyId === "string" ? storyId : id;
    if (typeof name === "string" && stories.has(name) && typeof status === "string") found(name, status);
    rest.push(...Object.values(node));
  }
}

function objectIn(text: string): Record<string, unknown> | undefined {
  try {
    const value = JSON.parse(text) as unknown;
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

/** The stories that Podium's answer to `enqueue_plan` says are on their way: empty when it does not say. */
export function storiesIn(answer: unknown): string[] {
  if (typeof answer !== "object" || answer === null) return [];
  const { queued, waiting, alreadyQueued } = answer as Record<string, unknown>;
  const lists = [queued, waiting, alreadyQueued].filter((list) => Array.isArray(list));
  return lists.flat().filter((item): item is string => typeof item === "string");
}
