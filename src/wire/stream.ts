import { z } from "zod";

/** The query of the streams, over either transport. A cursor of another time is none of its mistakes: it gets a GAP. */
export const streamQuerySchema = z.strictObject({
  types: z.string().describe("Only these types of Podium's frames, separated by commas.").optional(),
  envelope: z
    .enum(["1"], "Expected 1, or no such parameter")
    .describe("Wrap each frame: {id, at, event}. The id is a cursor, or null.")
    .optional(),
  since: z.string().describe("Cursor to resume after: <epoch>:<seq>.").optional(),
});
export type StreamQuery = z.output<typeof streamQuerySchema>;
