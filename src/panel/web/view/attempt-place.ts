import type { Attempt, PanelState, Place } from "../live/store.ts";

/**
 * Where the words about a story's attempt stand, once: where its button was pressed, as long as that is there; else in the
 * story's row; under the form, where it has none.
 */
export function placeOf({ place }: Attempt, storyId: string, { storyId: typed, work }: PanelState): Place {
  const isThere: Readonly<Record<Place, () => boolean>> = {
    form: () => typed.trim() === storyId,
    now: () => work.running.includes(storyId) || work.agents.some((agent) => agent.storyId === storyId),
    queue: () => work.queue.some(({ id }) => id === storyId),
    stories: () => work.stories.has(storyId),
  };
  if (place !== undefined && isThere[place]()) return place;
  return isThere.stories() ? "stories" : "form";
}
