import type { Draft } from "../audit/record.ts";
import type { StreamEvent } from "../stream/hub.ts";
import type { Job } from "./job.ts";
import type { JobWatch } from "./watch.ts";
import { planStoriesMax } from "./watch.ts";

export interface FollowDeps {
  readonly watch: JobWatch;
  readonly append: (draft: Draft) => Promise<unknown>;
  /** A frame as it may be recorded: without what is secret in it. */
  readonly redact: (text: string) => string;
  /** Podium's words for a story that has ended: these are recorded whatever came before. */
  readonly terminalStatuses: ReadonlySet<string>;
}

/** Status words recorded for one story: it has a handful; a Podium that flaps must not fill the disk. */
const wordsPerStoryMax = 64;
/** Longest frame kept as a job's last event. */
const frameLengthMax = 4096;
/** Stories whose words are counted at a time; far more than run at once. */
const storiesFollowedMax = 1000;

/**
 * Records each change of Podium's word for a story, so that it outlives a restart: under the job that it is about, and
 * under that of the plan which it belongs to.
 */
export function followTelemetry({ watch, append, redact, terminalStatuses }: FollowDeps): (event: StreamEvent) => void {
  const followed = new Map<string, { word: string; count: number }>();
  const wordBefore = (job: Job, storyId: string | undefined): string | undefined =>
    storyId === job.story_id ? job.podium_status : watch.planFrames(job.job_id).get(storyId!)?.word;
  const note = (job: Job, status: string, { storyId, text }: StreamEvent): void => {
    const recorded = wordBefore(job, storyId);
    // What comes after the end is about a later run, which is not this dispatch's.
    if (recorded !== undefined && terminalStatuses.has(recorded)) return;
    const key = `${job.job_id} ${storyId ?? ""}`;
    const last = followed.get(key) ?? { word: recorded ?? "", count: 0 };
    const wordsMax = terminalStatuses.has(status) ? 2 * wordsPerStoryMax : wordsPerStoryMax;
    if (last.word === status || terminalStatuses.has(last.word) || last.count >= wordsMax) return;
    followed.delete(key);
    followed.set(key, { word: status, count: last.count + 1 });
    if (followed.size > storiesFollowedMax) followed.delete(followed.keys().next().value!);
    const draft: Draft = {
      event: "job",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      story_id: storyId,
      plan_id: job.plan_id,
      podium_status: redact(status.toWellFormed()),
      ...(text.length <= frameLengthMax && text.isWellFormed() && { detail: redact(text) }),
    };
    // Nobody waits for it; a log that can't be written says so itself and ends the process.
    append(draft).catch(() => {});
  };
  return (event) => {
    const { storyId, status } = event;
    if (!(storyId ?? "x").isWellFormed()) return;
    const jobs = watch.toldBy(event);
    if (status !== undefined) for (const job of jobs) if (isWithin(watch, job, storyId)) note(job, status, event);
  };
}

/** A plan whose stories have no end is followed this far. */
function isWithin(watch: JobWatch, { job_id, story_id }: Job, storyId: string | undefined): boolean {
  if (story_id !== undefined) return true;
  const frames = watch.planFrames(job_id);
  return storyId === undefined || frames.has(storyId) || frames.size < planStoriesMax;
}
