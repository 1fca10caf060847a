import type { Fault } from "../lib/errors.ts";
import type { PlacedStory, Story } from "./story.ts";

/**
 * What is wrong with a set of stories that is to stand beside `present`: ids taken twice, dependencies on nothing, and
 * circles, whose stories would wait for each other for ever.
 */
export function graphFaults(placed: readonly PlacedStory[], present: ReadonlyMap<string, Story>): Fault[] {
  const added = new Map(placed.map((entry) => [entry.story.storyId, entry]));
  const faults = [
    ...placed.flatMap((entry) => duplicateFault(entry, added, present)),
    ...placed.flatMap((entry) => dependencyFaults(entry, added, present)),
  ];
  return faults.length > 0 ? faults : circleFaults(placed, added);
}

type Placed = ReadonlyMap<string, PlacedStory>;

function duplicateFault({ story, pointer }: PlacedStory, added: Placed, present: ReadonlyMap<string, Story>): Fault[] {
  const taken = present.has(story.storyId) || added.get(story.storyId)?.pointer !== pointer;
  return taken ? [{ pointer: `${pointer}/storyId`, detail: `The story ${story.storyId} exists already` }] : [];
}

function dependencyFaults(
  { story, pointer }: PlacedStory,
  added: Placed,
  present: ReadonlyMap<string, Story>,
): Fault[] {
  return story.dependencies.flatMap((id, i) => {
    if (added.has(id) || present.has(id)) return [];
    return [{ pointer: `${pointer}/dependencies/${i}`, detail: `There is no story ${id}` }];
  });
}

/** Removes stories whose dependencies are all removed, as often as that works: what is left waits for itself. */
function circleFaults(placed: readonly PlacedStory[], added: Placed): Fault[] {
  let left = placed;
  for (;;) {
    const ids = new Set(left.map(({ story }) => story.storyId));
    const next = left.filter(({ story }) => story.dependencies.some((id) => added.has(id) && ids.has(id)));
    if (next.length === left.length) break;
    left = next;
  }
  const names = left.map(({ story }) => story.storyId).join(", ");
  return left.slice(0, 1).map(({ pointer }) => ({
    pointer: `${pointer}/dependencies`,
    detail: `The dependencies run in a circle through ${names}`,
  }));
}
