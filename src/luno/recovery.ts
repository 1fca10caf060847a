import type { Files } from "../runtime/types.ts";
import { readJsonFile } from "./json-file.ts";
import type { Change, State, StoryState } from "./state.ts";
import { emptyState, stateSchema } from "./state.ts";
import type { Story } from "./story.ts";
import { storiesMax } from "./story.ts";
import type { StoryStatus } from "./vocabulary.ts";

/** A thousand stories with long messages, as many that have left, and then room: past it the file is not ours. */
const stateBytesMax = 16_777_216;

/** The state that the last run left behind; an empty one in a new folder. @throws BadFile */
export function loadState(files: Files, path: string): State {
  return files.stat(path) ? readJsonFile(files, path, stateBytesMax, stateSchema) : emptyState;
}

/**
 * Stories that are neither in the catalogue nor in an applied plan any more leave the queue. What has become of them is
 * kept, unseen: one that was missing by mistake for one start must not run a second time. Of {@link storiesMax} of them, as
 * many as there may be known ones, the last; one that waits and never ran has nothing to keep.
 */
export function withoutStrangers(state: State, stories: readonly Story[]): { state: State; gone: string[] } {
  const known = new Set(stories.map(({ storyId }) => storyId));
  const entries = Object.entries(state.stories);
  const strangers = entries.filter(([storyId]) => !known.has(storyId));
  const kept = strangers
    .filter(([, { status, runs }]) => runs > 0 || !isWaiting(status))
    .map(([storyId, one]): [string, StoryState] => [storyId, isWaiting(one.status) ? { ...one, ...leftWaiting } : one])
    .toSorted(([, a], [, b]) => (lastOf(a) < lastOf(b) ? -1 : 1))
    .slice(-storiesMax);
  return {
    state: {
      ...state,
      queue: state.queue.filter(({ storyId }) => known.has(storyId)),
      stories: Object.fromEntries([...entries.filter(([storyId]) => known.has(storyId)), ...kept]),
    },
    gone: strangers.map(([storyId]) => storyId),
  };
}

const leftWaiting = { status: "failed", message: "It left the catalogue while it waited to run again" } as const;

function isWaiting(status: StoryStatus): boolean {
  return status === "queued" || status === "blocked";
}

function lastOf({ endedAt, startedAt, queuedAt }: StoryState): string {
  return endedAt ?? startedAt ?? queuedAt ?? "";
}

/**
 * What the crash of the last run means: a story that was running is `failed`, because nobody saw its end and running it
 * again could do its work twice. Queued and waiting stories keep their place.
 */
export function afterCrash(state: State): Change {
  const running = Object.entries(state.stories).filter(([, { status }]) => status === "in_progress");
  return {
    transitions: running.map(([storyId]) => ({
      storyId,
      to: "failed",
      message: "luno stopped while this story ran; its command may have done part of its work, or still run",
    })),
  };
}
