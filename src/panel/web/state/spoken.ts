import { firstText } from "../api/json.ts";
import type { StreamFrame } from "../api/stream.ts";
import { wordOf } from "./words.ts";

/** What a person who can't see the page should hear: how a story ended. */
export function spokenOf(frames: readonly StreamFrame[]): { spoken: string } | undefined {
  for (const { type, fields } of frames.toReversed()) {
    const [storyId, status] = [firstText(fields, "storyId"), firstText(fields, "status")];
    if (type !== "STORY_STATUS" || storyId === undefined || status === undefined) continue;
    if (status === "done" || status === "failed" || status === "cancelled")
      return { spoken: `${wordOf(storyId)}: ${status}` };
  }
  return undefined;
}
