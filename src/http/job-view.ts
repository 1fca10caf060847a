import type { Job } from "../jobs/job.ts";
import type { JobWatch } from "../jobs/watch.ts";
import { startsStories } from "../jobs/watch.ts";
import type { JobView } from "../stream/job-stream.ts";

/** What the stream of a job asks of the log. @param now the job as it is when asked; older ones don't change any more */
export function viewOf(now: () => Job, watch: JobWatch, terminalStatuses: ReadonlySet<string>): JobView {
  const { job_id, action, story_id, plan_id } = now();
  const hasFrames = startsStories(action);
  return {
    ...(hasFrames && story_id !== undefined && { storyId: story_id }),
    ...(hasFrames && plan_id !== undefined && { planId: plan_id }),
    since: () => watch.since(now()),
    isMeant() {
      const job = now();
      return watch.meant(job)?.job_id === job_id;
    },
    stories: new Set(watch.planFrames(job_id).keys()),
    known() {
      const { last_event: text, podium_at, updated_at } = now();
      const ofStories = [...watch.planFrames(job_id).values()].flatMap(({ at, text: frame }) =>
        frame === undefined ? [] : [{ at, text: frame }],
      );
      if (ofStories.length > 0 || text === undefined) return ofStories;
      return [{ at: podium_at ?? updated_at, text }];
    },
    ending: () => endingOf(now(), watch, terminalStatuses),
    until() {
      const job = now();
      if (hasRun(job, terminalStatuses)) return job.podium_at;
      return watch.successorOf(job)?.answered_at;
    },
    listen: (changed) => watch.listen(job_id, changed),
  };
}

const lost = "Podium's telemetry had a gap, and nothing has told since whether this job has ended";
const unfollowed = "This job is too old to be followed, and nothing on record tells whether it has ended";

/**
 * A job has ended when Podium says so of its story, when nothing of it ever ran, when its answer was all there is to
 * come, or when a newer dispatch of the same story has been taken: Podium's frames are about that one then. Of a lost one, and
 * of one that nobody follows any more, only the stream ends: with what is known, and the word that the end is not.
 */
function endingOf(job: Job, watch: JobWatch, terminal: ReadonlySet<string>): Record<string, unknown> | undefined {
  const { job_id, action, status, podium_status, code, detail, retry } = job;
  const successor = watch.successorOf(job);
  const isAnswered = status !== "pending" && !startsStories(action);
  const neverRan = status === "failed" || status === "rejected";
  const ran = hasRun(job, terminal);
  if (!isAnswered && !neverRan && !ran && successor === undefined) {
    const unknown = watch.isFollowed(job_id) ? watch.isLost(job_id) && lost : unfollowed;
    return unknown ? { job_id, action, status, podium_status, detail: unknown } : undefined;
  }
  const superseded_by = ran ? undefined : successor?.job_id;
  return { job_id, action, status, podium_status, code, detail, retry, superseded_by };
}

function hasRun({ podium_status }: Job, terminal: ReadonlySet<string>): boolean {
  return podium_status !== undefined && terminal.has(podium_status);
}
