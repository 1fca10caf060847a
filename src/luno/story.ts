import { z } from "zod";
import type { Fault } from "../lib/errors.ts";
import { idSchema } from "../wire/dispatch.ts";
import { pointerOf } from "../wire/problem.ts";
import { queueNames } from "./vocabulary.ts";

/** All stories at once, plans included: each change rewrites the state file, and 1000 stories make about 200 KiB. */
export const storiesMax = 1000;
/** Bytes of a catalogue or plan file: {@link storiesMax} stories with commands of 1 KiB each fit. */
export const storyFileBytesMax = 1_048_576;

const titleSchema = z.string().min(1).max(200, "Expected at most 200 characters");
const aboutSchema = z.string().max(2000).optional();
/** The kernel takes no NUL inside an argument; 8 KiB holds a script that still belongs into a JSON file. */
const argumentSchema = z
  .string()
  .max(8192)
  .regex(/^[^\0]*$/, "NUL is not allowed in an argument");

const storyFields = {
  storyId: idSchema,
  title: titleSchema,
  queue: z.enum(queueNames).default("free-tier"),
  dependencies: z.array(idSchema).max(32, "Expected at most 32 dependencies").default([]),
  /** Program and arguments, run without a shell. Absent: a short simulated run. */
  command: z.array(argumentSchema).min(1, "Expected a program").max(64).optional(),
};

/** A plan's stories start as `todo`; only the catalogue, the user's own file, may say otherwise. */
const plannedStorySchema = z.strictObject(storyFields);
const catalogueStorySchema = z.strictObject({
  ...storyFields,
  status: z.enum(["todo", "pending", "blocked", "done", "cancelled"]).default("todo"),
});

function epicsOf<S extends z.ZodType>(story: S) {
  const sprint = z.strictObject({ sprintId: idSchema, title: titleSchema, stories: z.array(story).max(storiesMax) });
  const epic = z.strictObject({ epicId: idSchema, title: titleSchema, sprints: z.array(sprint).max(100) });
  return z.array(epic).max(100);
}

export const catalogueSchema = z.strictObject({ about: aboutSchema, epics: epicsOf(catalogueStorySchema) });
export const planSchema = z.strictObject({
  planId: idSchema,
  title: titleSchema,
  about: aboutSchema,
  epics: epicsOf(plannedStorySchema),
});
export type PlanDocument = z.output<typeof planSchema>;

type PlannedStory = z.output<typeof plannedStorySchema>;

/** One story with the place it has in its epic: what may be run, never how far it is (that is in `state.ts`). */
export interface Story extends PlannedStory {
  readonly status: z.output<typeof catalogueStorySchema>["status"];
  readonly epicId: string;
  readonly sprintId: string;
  readonly planId?: string;
}

/** A story with its JSON Pointer in the file, for errors. */
export interface PlacedStory {
  readonly story: Story;
  readonly pointer: string;
}

/** Too many stories, as a list of one fault or none. @param count stories there would be */
export function countFault(count: number): Fault[] {
  return count > storiesMax
    ? [{ pointer: "/epics", detail: `Expected at most ${storiesMax} stories, got ${count}` }]
    : [];
}

interface Epics {
  readonly epicId: string;
  readonly sprints: readonly { sprintId: string; stories: readonly (PlannedStory & { status?: Story["status"] })[] }[];
}

/** Epics → sprints → stories as one list, in the order of the file. */
export function flatten(epics: readonly Epics[], planId?: string): PlacedStory[] {
  return epics.flatMap(({ epicId, sprints }, e) =>
    sprints.flatMap(({ sprintId, stories }, s) =>
      stories.map((story, i) => ({
        story: { ...story, status: story.status ?? "todo", epicId, sprintId, ...(planId !== undefined && { planId }) },
        pointer: pointerOf(["epics", String(e), "sprints", String(s), "stories", String(i)]),
      })),
    ),
  );
}
