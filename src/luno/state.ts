import { z } from "zod";
import { idSchema } from "../wire/dispatch.ts";
import type { Story } from "./story.ts";
import { storyStatuses } from "./vocabulary.ts";
import type { StoryStatus } from "./vocabulary.ts";

/**
 * How far every story is. One value in one file, so that the queue and the statuses can't disagree after a crash.
 * Times are RFC 3339.
 */

const storyStateSchema = z.strictObject({
  status: z.enum(storyStatuses),
  /** Why it is so, in words for people. */
  message: z.string().optional(),
  agent: z.string().optional(),
  queuedAt: z.string().optional(),
  startedAt: z.string().optional(),
  endedAt: z.string().optional(),
  /** How often it was started: the proof that nothing ran twice. */
  runs: z.int().min(0),
});
export type StoryState = z.output<typeof storyStateSchema>;

/** A place in the queue. Its story is `queued`, or `blocked` while it waits for its dependencies. */
const queueEntrySchema = z.strictObject({
  storyId: idSchema,
  enqueuedAt: z.string(),
  enqueuedBy: z.string(),
  bypassDependencies: z.boolean(),
});
export type QueueEntry = z.output<typeof queueEntrySchema>;

const haltSchema = z.strictObject({ since: z.string(), by: z.string() });
export type Halt = z.output<typeof haltSchema>;

const appliedPlanSchema = z.strictObject({
  planId: idSchema,
  title: z.string(),
  appliedAt: z.string(),
  appliedBy: z.string(),
  stories: z.array(idSchema),
});
export type AppliedPlan = z.output<typeof appliedPlanSchema>;

export const stateSchema = z.strictObject({
  version: z.literal(1),
  halted: haltSchema.optional(),
  queue: z.array(queueEntrySchema),
  stories: z.record(z.string(), storyStateSchema),
  plans: z.array(appliedPlanSchema),
});
export type State = z.output<typeof stateSchema>;

export const emptyState: State = { version: 1, queue: [], stories: {}, plans: [] };

/** One story's step to another status. */
export interface Transition {
  readonly storyId: string;
  readonly to: StoryStatus;
  readonly agent?: string;
  readonly message?: string;
}

/** A transition that took place. */
export interface Moved extends Transition {
  readonly previousStatus?: StoryStatus;
  readonly timestamp: string;
}

/** What changes together, in one write. Parts that are left out stay as they are. */
export interface Change {
  readonly transitions?: readonly Transition[];
  readonly queue?: readonly QueueEntry[];
  readonly halted?: Halt | "lifted";
  readonly plan?: AppliedPlan;
}

/** The state after a change; the given one stays untouched. */
export function changed(state: State, change: Change, timestamp: string): { next: State; moved: Moved[] } {
  const stories = { ...state.stories };
  const moved: Moved[] = [];
  for (const transition of change.transitions ?? []) {
    const before = stories[transition.storyId];
    stories[transition.storyId] = stepped(before, transition, timestamp);
    moved.push({ ...transition, timestamp, ...(before && { previousStatus: before.status }) });
  }
  const halted = change.halted === "lifted" ? undefined : (change.halted ?? state.halted);
  const next: State = {
    version: 1,
    ...(halted && { halted }),
    queue: [...(change.queue ?? state.queue)],
    stories,
    plans: change.plan ? [...state.plans, change.plan] : state.plans,
  };
  return { next, moved };
}

function stepped(before: StoryState | undefined, { to, agent, message }: Transition, timestamp: string): StoryState {
  const told = { ...(agent !== undefined && { agent }), ...(message !== undefined && { message }) };
  const runs = before?.runs ?? 0;
  if (to === "queued" || to === "blocked") {
    const queuedAt = (before?.status === "blocked" && before.queuedAt) || timestamp;
    return { status: to, queuedAt, runs, ...told };
  }
  const { message: _old, ...kept } = before ?? { runs };
  if (to === "in_progress") return { ...kept, status: to, startedAt: timestamp, runs: runs + 1, ...told };
  const ended = to === "done" || to === "failed" || to === "cancelled";
  return { ...kept, status: to, runs, ...(ended && { endedAt: timestamp }), ...told };
}

/** The state of a story that nothing has happened to yet. */
export function initialState(story: Story): StoryState {
  return { status: story.status, runs: 0 };
}
