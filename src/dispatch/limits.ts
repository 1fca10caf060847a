import type { StoredRecord } from "../audit/record.ts";
import type { Clock } from "../lib/clock.ts";
import { Problem } from "../lib/errors.ts";
import { Queue } from "../lib/queue.ts";
import type { Action, Command } from "../wire/dispatch.ts";
import { isLimited, subjectOf } from "../wire/dispatch.ts";

export interface LimitsOptions {
  readonly dispatchPerMinute: number;
  readonly storyCooldownS: number;
  /** Its monotonic time goes on over restarts. */
  readonly clock: Clock;
}

const windowMs = 60_000;

/**
 * The rate limit (a sliding window over all dispatches) and the cooldown of each story. Reserved in the same turn as
 * they are checked, so that two requests can't both see the last free place. Rebuilt from the log at start.
 * Bounded: one window of admitted dispatches, and the subjects of those that are on their way or sent within a cooldown.
 */
export class Limits {
  #options: LimitsOptions;
  /** Monotonic times of admitted dispatches, oldest first. */
  readonly #admitted = new Queue<number>();
  /** Monotonic time until which a subject rests, by subject; Infinity while its dispatch is on its way. */
  readonly #resting = new Map<string, number>();
  /** When rests end, in the order in which they began; some have given way to another. */
  readonly #ends = new Queue<{ readonly subject: string; readonly until: number }>();

  constructor(options: LimitsOptions) {
    this.#options = options;
  }

  /** From now on these; what has been admitted stays admitted, and a rest that has begun keeps its end. */
  change(limits: Pick<LimitsOptions, "dispatchPerMinute" | "storyCooldownS">): void {
    this.#options = { ...this.#options, ...limits };
  }

  /**
   * Takes a place, or says when there will be one. Actions that only look, stop or cancel are never limited.
   * @throws Problem `rate_limited` or `story_cooldown`
   */
  reserve(command: Command): void {
    if (!isLimited(command.action)) return;
    const now = this.#options.clock.monotonic();
    this.#forgetBefore(now);
    const subject = subjectOf(command);
    const rests = this.#resting.get(subject) ?? -Infinity;
    if (rests > now) throw this.#tooSoon(subject, rests - now);
    if (this.#admitted.length >= this.#options.dispatchPerMinute) throw this.#tooMany(now);
    this.#admitted.push(now);
    this.#resting.set(subject, Infinity);
  }

  /** Whether a dispatch about such a subject has its place and has not ended. */
  isOnItsWay(isMeant: (subject: string) => boolean): boolean {
    return this.#resting.entries().some(([subject, until]) => until === Infinity && isMeant(subject));
  }

  /** The dispatch has ended: the cooldown counts from when it was sent, or is lifted when nothing was. */
  release(command: Command, sentAt: number | undefined): void {
    if (!isLimited(command.action)) return;
    const subject = subjectOf(command);
    if (sentAt === undefined) this.#resting.delete(subject);
    else this.#rest(subject, sentAt);
  }

  /** Replays a record of an earlier life of the process. */
  restore(record: StoredRecord): void {
    if (record.action === undefined || !isLimited(record.action as Action)) return;
    const subject = subjectOf({ ...record, action: record.action as Action });
    if (record.event !== "intent" && record.event !== "outcome" && record.event !== "unknown") return;
    const at = record.uptime_ms ?? this.#options.clock.monotonic();
    this.#forgetBefore(at);
    if (record.event === "intent") this.#admitted.push(at);
    // It was sent before the outcome or the crash was recorded: resting from there on is the careful side.
    if (record.result === "failed") this.#resting.delete(subject);
    else this.#rest(subject, at);
  }

  /** RateLimit fields (draft-ietf-httpapi-ratelimit-headers). */
  headers(): Record<string, string> {
    const now = this.#options.clock.monotonic();
    this.#forgetBefore(now);
    const left = Math.max(0, this.#options.dispatchPerMinute - this.#admitted.length);
    const oldest = this.#admitted.first;
    const freesInS = oldest === undefined ? 0 : Math.ceil((oldest + windowMs - now) / 1000);
    return {
      "RateLimit-Policy": `"dispatch";q=${this.#options.dispatchPerMinute};w=${windowMs / 1000}`,
      RateLimit: `"dispatch";r=${left};t=${freesInS}`,
    };
  }

  #rest(subject: string, sentAt: number): void {
    const until = sentAt + this.#options.storyCooldownS * 1000;
    this.#resting.set(subject, until);
    this.#ends.push({ subject, until });
  }

  /** Costs what has passed, not what is remembered. A rest that outlasts later ones only keeps them in memory. */
  #forgetBefore(now: number): void {
    while (this.#admitted.first !== undefined && this.#admitted.first <= now - windowMs) this.#admitted.shift();
    while (this.#ends.first && this.#ends.first.until <= now) {
      const { subject, until } = this.#ends.shift()!;
      if (this.#resting.get(subject) === until) this.#resting.delete(subject);
    }
  }

  #tooSoon(subject: string, waitMs: number): Problem {
    const cooldownS = this.#options.storyCooldownS;
    const onItsWay = waitMs === Infinity;
    const retryAfterS = onItsWay ? Math.max(1, cooldownS) : Math.ceil(waitMs / 1000);
    const why = onItsWay
      ? "an earlier dispatch of it is still on its way"
      : `it rests for ${cooldownS} s of running time after a dispatch (limits.story_cooldown_s)`;
    return new Problem(
      "story_cooldown",
      `${capital(subject)}: ${why}; nothing was executed, try again in ${retryAfterS} s`,
      {
        retryAfterS,
        headers: this.headers(),
      },
    );
  }

  #tooMany(now: number): Problem {
    const retryAfterS = Math.max(1, Math.ceil((this.#admitted.first! + windowMs - now) / 1000));
    const limit = this.#options.dispatchPerMinute;
    return new Problem(
      "rate_limited",
      `${limit} ${limit === 1 ? "dispatch" : "dispatches"} in a minute of running time is the limit (limits.dispatch_per_minute); nothing was executed, try again in ${retryAfterS} s`,
      { retryAfterS, headers: this.headers() },
    );
  }
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
