import type { Files } from "../runtime/types.ts";
import { badFile, readJsonFile } from "./json-file.ts";
import { graphFaults } from "./story-graph.ts";
import type { Story } from "./story.ts";
import { catalogueSchema, countFault, flatten, storyFileBytesMax } from "./story.ts";

/** Reads and checks the catalogue. @param applied stories of plans, which stand beside it. @throws BadFile */
export function loadCatalogue(files: Files, path: string, applied: readonly Story[]): Story[] {
  const { epics } = readJsonFile(files, path, storyFileBytesMax, catalogueSchema);
  const placed = flatten(epics);
  const present = new Map(applied.map((story) => [story.storyId, story]));
  const faults = [...countFault(present.size + placed.length), ...graphFaults(placed, present)];
  if (faults.length > 0) throw badFile(path, faults);
  return placed.map(({ story }) => story);
}
