import type { Files } from "../runtime/types.ts";
import { readJsonFile } from "./json-file.ts";
import type { Change, State } from "./state.ts";
import { emptyState, stateSchema } from "./state.ts";
import type { Story } from "./story.ts";

/** A thousand stories with long messages, and then room: past it the file is not ours. */
const stateBytesMax = 16_777_216;

/** The state that the last run left behind; an empty one in a new folder. @throws BadFile */
export function loadState(files: Files, path: string): State {
  return files.stat(path) ? readJsonFile(files, path, stateBytesMax, stateSchema) : emptyState;
}

/** The state without stories that are neither in the catalogue nor in an applied plan any more, and their ids. */
export function withoutStrangers(state: State, stories: readonly Story[]): { state: State; dropped: string[] } {
  const known = new Set(stories.map(({ storyId }) => storyId));
  const entries = Object.entries(state.stories);
  return {
    state: {
      ...state,
      queue: state.queue.filter(({ storyId }) => known.has(storyId)),
      stories: Object.fromEntries(entries.filter(([storyId]) => known.has(storyId))),
    },
    dropped: entries.map(([storyId]) => storyId).filter((storyId) => !known.has(storyId)),
  };
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
