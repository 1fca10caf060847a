import type { Job } from "./jobs.ts";
import { momentMs, wordOf } from "./words.ts";
import type { Work } from "./work.ts";
import { isHalted } from "./work.ts";

/** What the orchestrator's word for itself comes to, when nothing is started. */
export interface Halted {
  /** Its own word, such as `halted`. */
  readonly haltedAs?: string;
  /** When, and by whom; empty when nobody tells. */
  readonly since?: string;
}

const wordCharsMax = 24;

/**
 * When it was halted is Podium's to say. Who did it stands in our own record, where that halt came through here: behind
 * a Podium without tokens everybody has one name.
 * @param jobs newest first
 * @param time how to write an RFC 3339 time
 */
export function haltedOf(work: Work, jobs: readonly Job[], time: (at: string) => string): Halted {
  if (!isHalted(work)) return {};
  const { since, by } = work.halt;
  const halts = jobs.filter(({ action, status }) => action === "halt" && status === "queued");
  const own = since === undefined ? halts[0] : halts.find((job) => isWithin(since, job));
  const who = own ? (own.userId ?? own.source) : by;
  const byWhom = who === undefined ? "" : ` by ${wordOf(who)}`;
  const haltedAs = wordOf(work.state ?? "", wordCharsMax);
  if (since !== undefined) return { haltedAs, since: ` since ${time(since)}${byWhom}` };
  return { haltedAs, since: own ? ` (the last halt through here: ${time(own.createdAt)}${byWhom})` : byWhom };
}

/** What happened while this dispatch was with Podium came of it. */
function isWithin(at: string, { createdAt, answeredAt = "" }: Job): boolean {
  const ms = momentMs(at);
  return ms >= Date.parse(createdAt) && ms <= Date.parse(answeredAt);
}
