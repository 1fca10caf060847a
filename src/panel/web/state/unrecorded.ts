import type { StreamFrame } from "../api/stream.ts";
import { wordIn } from "./frames.ts";
import type { Job, StoryWord } from "./jobs.ts";
import { endings, jobMeant, jobsAfterWord } from "./jobs.ts";

/** Podium's newest word about each story that the stream has told, as long as the job list may not know it yet. */
export type Unrecorded = ReadonlyMap<string, { readonly told: StoryWord; readonly heardMs: number }>;

export const nothingUnrecorded: Unrecorded = new Map();

/** A record is on disk within milliseconds, on a busy machine within a second. What is not there by now never comes. */
const recordedWithinMs = 10_000;
/** Stories waited for at a time: as many as run at once, and far more. */
const storiesMax = 200;

/** @param nowMs when the frames came, by this page's own clock: the other one may be another machine's */
export function unrecordedAfter(before: Unrecorded, frames: readonly StreamFrame[], nowMs: number): Unrecorded {
  const told = frames.flatMap((frame) => wordIn(frame) ?? []);
  if (told.length === 0) return before;
  const words = new Map([...before, ...told.map((one) => [one.storyId, { told: one, heardMs: nowMs }] as const)]);
  return new Map([...words].slice(-storiesMax));
}

/**
 * The words that a job list, as it was read, still lacks.
 * @param startedMs when the read began: of what was heard since, it can know nothing
 */
export function unrecordedIn(
  before: Unrecorded,
  jobs: readonly Job[],
  { startedMs, nowMs }: { readonly startedMs: number; readonly nowMs: number },
): Unrecorded {
  const lacks = (told: StoryWord): boolean => {
    const job = jobMeant(jobs, told);
    if (job === undefined || job.podiumStatus === told.word) return false;
    // The word of a job that has ended is its last; and one that was recorded later than this came after it.
    return !endings.has(job.podiumStatus ?? "") && (job.podiumAt ?? "") < told.at;
  };
  const isOpen = (told: StoryWord, heardMs: number): boolean =>
    nowMs - heardMs < recordedWithinMs && (heardMs >= startedMs || lacks(told));
  return new Map([...before].filter(([, { told, heardMs }]) => isOpen(told, heardMs)));
}

/** The job list as it is: what was heard stands in it, whether it has been written down or not. */
export function jobsWith(unrecorded: Unrecorded, jobs: readonly Job[]): readonly Job[] {
  return [...unrecorded.values()].reduce((list, { told }) => jobsAfterWord(list, told), jobs);
}
