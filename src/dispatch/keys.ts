import type { StoredRecord } from "../audit/record.ts";
import type { Clock } from "../lib/clock.ts";
import { Problem } from "../lib/errors.ts";
import type { Action } from "../wire/dispatch.ts";
import { isExecuting, isLimited } from "../wire/dispatch.ts";

/** How long a key is remembered (API contract), in running time: while we are down nothing grows older. */
const lifeMs = 24 * 60 * 60 * 1000;
/** Keys at a time: a day at the default limit holds 14,400; a key costs some 300 bytes. */
const keysMax = 100_000;
/** Keys of what no limit holds back have a share of their own, a tenth of that: they can't push out the others. */
const unlimitedShare = 0.1;
/** What a caller should wait before asking again about a dispatch in flight. */
const retryAfterS = 1;

interface Held {
  readonly fingerprint: string;
  readonly bornAt: number;
  readonly limited: boolean;
  /** What was said before under it, and executes nothing, is in doubt itself. */
  readonly isRepeat?: boolean;
  state: "in_flight" | "settled" | "unknown";
  readonly jobId?: string;
  readonly auditId?: string;
}

/** What a key says about a request. `none`: there is no key, or no place to remember it. */
export type Claim =
  | { readonly kind: "none" }
  | { readonly kind: "new" }
  | { readonly kind: "settled"; readonly jobId: string }
  | { readonly kind: "unknown"; readonly jobId: string };

/**
 * What becomes of a key. `settle`: there is a final answer, replay it. `doubt`: the outcome is unknown, ask Podium
 * before anything is sent again. `free`: nothing was sent, the key is as good as new.
 */
export type KeyFate = "settle" | "doubt" | "free";

/**
 * Idempotency keys (draft-ietf-httpapi-idempotency-key-header): one key is one dispatch for 24 hours. A claim and the
 * state it leaves are one synchronous step, so of a hundred equal requests exactly one gets `new`.
 */
export class Keys {
  readonly #clock: Clock;
  readonly #keysMax: number;
  /** In order of birth: the oldest are at the front. */
  readonly #held = new Map<string, Held>();
  readonly #byAuditId = new Map<string, string>();
  /** How many of the held are of what no limit holds back. */
  #unlimited = 0;

  /** @param clock its monotonic time goes on over restarts */
  constructor(clock: Clock, bound = keysMax) {
    this.#clock = clock;
    this.#keysMax = bound;
  }

  /**
   * `new` and `unknown` make the key this request's own until `leave`. A request that no limit holds back (a halt, a
   * cancel) is not turned away because too much is remembered: it then goes without its key.
   * @throws Problem `idempotency_mismatch`, `in_flight` or `queue_full`
   */
  claim(key: string | undefined, fingerprint: string, limited = true): Claim {
    if (key === undefined) return { kind: "none" };
    this.#forgetOld();
    const held = this.#held.get(key);
    if (!held) return this.#begin(key, fingerprint, limited);
    if (held.fingerprint !== fingerprint) throw mismatch(held.jobId);
    if (held.state === "in_flight") throw inFlight(held.jobId);
    const { state, jobId } = held;
    if (state === "unknown") held.state = "in_flight";
    return { kind: state, jobId: jobId ?? "" };
  }

  /** The dispatch under this key has ids now: its life counts from here, whatever came to nothing under it before. */
  bind(key: string | undefined, jobId: string, auditId: string): void {
    const held = key === undefined ? undefined : this.#held.get(key);
    if (key === undefined || !held) return;
    this.#free(key, held);
    this.#hold(key, { ...held, bornAt: this.#clock.monotonic(), jobId, auditId });
  }

  /** The request that claimed the key is done with it. */
  leave(key: string | undefined, fate: KeyFate): void {
    const held = key === undefined ? undefined : this.#held.get(key);
    if (key === undefined || !held) return;
    if (fate === "free") this.#free(key, held);
    else held.state = fate === "settle" ? "settled" : "unknown";
  }

  /** Replays a record of an earlier life of the process. An intent without an outcome stays unknown. */
  restore(record: StoredRecord): void {
    if (record.event === "intent" && record.idempotency_key !== undefined) this.#restoreIntent(record);
    const key = this.#byAuditId.get(record.audit_id ?? "");
    if (key === undefined || record.result === undefined) return;
    const cameToNothing = record.result === "failed" || record.result === "rejected";
    if (cameToNothing && this.#held.get(key)?.isRepeat) this.leave(key, "doubt");
    else if (record.result === "failed") this.leave(key, "free");
    else if (record.result !== "unknown") this.leave(key, "settle");
  }

  #restoreIntent(record: StoredRecord): void {
    const key = record.idempotency_key!;
    this.#forgetOld();
    const isRepeat = this.#held.get(key)?.state === "unknown" && !isExecuting(record.action as Action);
    this.leave(key, "free");
    const limited = isLimited(record.action as Action);
    // It was not remembered in its own life either.
    if (!limited && this.#isFull(false)) return;
    this.#hold(key, {
      fingerprint: record.request_hash ?? "",
      limited,
      isRepeat,
      bornAt: record.uptime_ms ?? this.#clock.monotonic(),
      state: "unknown",
      jobId: record.job_id!,
      auditId: record.audit_id!,
    });
    this.#forgetOld();
  }

  #begin(key: string, fingerprint: string, limited: boolean): Claim {
    if (this.#isFull(limited)) {
      if (!limited) return { kind: "none" };
      const freesInS = this.#freesInS();
      const detail = `Too many Idempotency-Keys are remembered, each for 24 hours; nothing was executed, try again in ${freesInS} s, or without a key`;
      throw new Problem("queue_full", detail, { retryAfterS: freesInS });
    }
    this.#hold(key, { fingerprint, bornAt: this.#clock.monotonic(), limited, state: "in_flight" });
    return { kind: "new" };
  }

  #isFull(limited: boolean): boolean {
    if (!limited) return this.#unlimited >= Math.ceil(this.#keysMax * unlimitedShare);
    return this.#held.size - this.#unlimited >= this.#keysMax;
  }

  /** When the oldest limited key will be forgotten. One that is still in flight may be freed at any moment. */
  #freesInS(): number {
    for (const { bornAt, limited } of this.#held.values()) {
      if (limited) return Math.max(1, Math.ceil((bornAt + lifeMs - this.#clock.monotonic()) / 1000));
    }
    return 1;
  }

  /** Takes its place behind all others, so it must be the youngest. */
  #hold(key: string, held: Held): void {
    this.#held.set(key, held);
    if (!held.limited) this.#unlimited++;
    if (held.auditId !== undefined) this.#byAuditId.set(held.auditId, key);
  }

  #free(key: string, held: Held): void {
    this.#held.delete(key);
    if (!held.limited) this.#unlimited--;
    if (held.auditId !== undefined) this.#byAuditId.delete(held.auditId);
  }

  #forgetOld(): void {
    const before = this.#clock.monotonic() - lifeMs;
    for (const [key, held] of this.#held) {
      if (held.bornAt > before) return;
      if (held.state !== "in_flight") this.#free(key, held);
    }
  }
}

function mismatch(jobId: string | undefined): Problem {
  return new Problem(
    "idempotency_mismatch",
    "This Idempotency-Key was used for a different request; nothing was executed, use a new key",
    jobId === undefined ? {} : { job_id: jobId },
  );
}

/** Without a job as long as the first request still asks Podium about an earlier dispatch of the same: it may get none. */
function inFlight(jobId: string | undefined): Problem {
  const why = jobId === undefined ? ": it has no job yet, an earlier dispatch is being found out about first" : "";
  return new Problem(
    "in_flight",
    `The request with this Idempotency-Key is being worked on${why}; repeat it with the same key`,
    { retryAfterS, ...(jobId !== undefined && { job_id: jobId }) },
  );
}
