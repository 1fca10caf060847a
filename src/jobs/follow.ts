import type { Draft } from "../audit/record.ts";
import type { StreamEvent } from "../stream/hub.ts";
import type { JobStore } from "./store.ts";

export interface FollowDeps {
  readonly jobs: JobStore;
  readonly append: (draft: Draft) => Promise<unknown>;
  /** Podium's words for a story that has ended: these are recorded whatever came before. */
  readonly terminalStatuses: ReadonlySet<string>;
}

/** Status words recorded for one job: a story has a handful; a Podium that flaps must not fill the disk. */
const wordsPerJobMax = 64;
/** Longest frame kept as a job's last event. */
const frameLengthMax = 4096;
/** Jobs whose words are counted at a time; far more than run at once. */
const jobsFollowedMax = 1000;

/** Records each change of Podium's word for a story under the newest job about it, so that it outlives a restart. */
export function followTelemetry({ jobs, append, terminalStatuses }: FollowDeps): (event: StreamEvent) => void {
  const followed = new Map<string, { word: string; count: number }>();
  return ({ storyId, status, text }) => {
    if (storyId === undefined || status === undefined) return;
    const job = jobs.ofStory(storyId);
    if (!job) return;
    // What comes after the end is about a later run, which is not this dispatch's.
    if (job.podium_status !== undefined && terminalStatuses.has(job.podium_status)) return;
    const last = followed.get(job.job_id) ?? { word: job.podium_status ?? "", count: 0 };
    const wordsMax = terminalStatuses.has(status) ? 2 * wordsPerJobMax : wordsPerJobMax;
    if (last.word === status || terminalStatuses.has(last.word) || last.count >= wordsMax) return;
    followed.delete(job.job_id);
    followed.set(job.job_id, { word: status, count: last.count + 1 });
    if (followed.size > jobsFollowedMax) followed.delete(followed.keys().next().value!);
    const draft: Draft = {
      event: "job",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      story_id: storyId,
      podium_status: status.toWellFormed(),
      ...(text.length <= frameLengthMax && text.isWellFormed() && { detail: text }),
    };
    // Nobody waits for it; a log that can't be written says so itself and ends the process.
    append(draft).catch(() => {});
  };
}
