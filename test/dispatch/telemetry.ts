import type { Draft } from "../../src/audit/record.ts";
import { followTelemetry } from "../../src/jobs/follow.ts";
import { Unheard } from "../../src/jobs/unheard.ts";
import type { Desk } from "./desk.ts";
import { quiet, terminalStatuses } from "./desk.ts";

/** Podium's telemetry as the stream's room passes it on to the jobs. */

/** A frame about a story. Resolves when what it told is recorded. */
export async function hear({ jobWatch: watch, log }: Desk, storyId: string, status: string): Promise<void> {
  const written: Promise<unknown>[] = [];
  const append = (draft: Draft) => keep(written, log.append(draft));
  const follow = followTelemetry({ watch, terminalStatuses, redact: String, append });
  follow({ seq: 0, at: "", type: "STORY_STATUS", text: "{}", storyId, status });
  await Promise.all(written);
}

/**
 * Its socket was away, and is back: what it might have told is asked for.
 * @returns what was then recorded, as it becomes durable
 */
export async function reconnect({ jobs, jobWatch: watch, log }: Desk, json: string): Promise<Promise<unknown>[]> {
  const written: Promise<unknown>[] = [];
  const unheard = new Unheard({
    jobs,
    watch,
    terminalStatuses,
    append: (draft) => keep(written, log.append(draft)),
    podiumStatus: () => Promise.resolve(json),
    flushed: () => Promise.resolve(true),
  });
  unheard.begin();
  await quiet();
  unheard.stop();
  return written;
}

function keep<T>(list: Promise<unknown>[], promise: Promise<T>): Promise<T> {
  list.push(promise);
  return promise;
}
