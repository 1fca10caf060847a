import { readFrame } from "../wire/podium.ts";
import type { Hub, StreamEvent } from "./hub.ts";

/** Stories that one client's stream of a plan remembers: as many as the log does, and far above use. */
export const storiesMax = 256;

/** What a stream needs to know of a job. The functions look at the log as it is when they are called. */
export interface JobView {
  /** Podium's names for what runs; a job without one (halt, status) has no frames. */
  readonly storyId?: string;
  readonly planId?: string;
  /** RFC 3339: frames before it belong to an earlier run of the same story; undefined while all of them do. */
  readonly since: () => string | undefined;
  /** Whether what Podium says in this moment of its story or plan is about it, and not about the one before. */
  readonly isMeant: () => boolean;
  /** Stories of a plan's job; those that frames name as the plan's join them, up to `storiesMax`. */
  readonly stories: Set<string>;
  /** The last frame about each of its stories that is on record, as Podium sent it. */
  readonly known: () => readonly { readonly at: string; readonly text: string }[];
  /** Our words for how it has ended; undefined while something may still come. */
  readonly ending: () => Readonly<Record<string, unknown>> | undefined;
  /** RFC 3339, of a job that has ended: Podium's frames after it are about a later run of the same story. */
  readonly until: () => string | undefined;
  /** Calls back when the log says something new about it; the returned function ends that. */
  readonly listen: (changed: () => void) => () => void;
}

/** The newest frame of each story of the job: one in the history is newer than the one on record. */
export function beginJob(hub: Hub, job: JobView, deliver: (event: StreamEvent) => void): void {
  // After its end, the story's newer frames belong to another dispatch.
  const since = job.ending() ? undefined : job.since();
  const live = since === undefined ? [] : hub.newest((event) => event.at >= since && isAbout(job, event));
  const told = new Set(live.map(({ storyId }) => storyId));
  for (const { at, text } of job.known()) {
    const frame = readFrame(text);
    if (frame && hub.passesOn(frame.type) && !told.has(frame.storyId)) deliver({ seq: 0, at, text, ...frame });
  }
  for (const event of live) deliver(event);
}

/** Podium names a story or a plan, not a dispatch: whether it means this one is said by the job. A story that was once named as the plan's stays the plan's. */
export function isAbout({ storyId, planId, stories }: JobView, event: StreamEvent): boolean {
  if (storyId !== undefined) return storyId === event.storyId;
  if (planId === undefined) return false;
  if (event.planId !== planId) return event.planId === undefined && stories.has(event.storyId ?? "");
  if (event.storyId !== undefined && stories.size < storiesMax) stories.add(event.storyId);
  return true;
}

/** A story of a plan that ends does not end the plan: only a frame about the plan itself does. */
export function isEnd(job: JobView, event: StreamEvent, terminal: ReadonlySet<string>): boolean {
  if (event.own || event.status === undefined || !terminal.has(event.status)) return false;
  return isAbout(job, event) && (job.storyId !== undefined || event.storyId === undefined);
}
