import type { AuditLog } from "../audit/log.ts";
import type { StoredRecord } from "../audit/record.ts";
import { Keys } from "../dispatch/keys.ts";
import type { LimitsOptions } from "../dispatch/limits.ts";
import { Limits } from "../dispatch/limits.ts";
import { CarryOver } from "../jobs/carry-over.ts";
import type { JobStoreBounds } from "../jobs/store.ts";
import { JobStore } from "../jobs/store.ts";
import { Undoings } from "../jobs/undoings.ts";
import { JobWatch } from "../jobs/watch.ts";
import type { Clock } from "../lib/clock.ts";
import { RunningClock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { closeOpenIntents } from "./open-intents.ts";

/** How much is remembered; what is left out has the bound that stands beside its reason. */
export interface Bounds {
  readonly jobs?: JobStoreBounds;
  readonly keysMax?: number;
  readonly undoingsMax?: number;
}

export interface ProjectionsOptions {
  readonly clock: Clock;
  readonly limits: Omit<LimitsOptions, "clock">;
  readonly bounds?: Bounds;
  /** Podium's words for a story that has ended. */
  readonly terminalStatuses: ReadonlySet<string>;
  /** Milliseconds after an unknown outcome during which the command may still come true. */
  readonly settleMs: number;
}

/** What the audit log tells of the past: jobs, keys, limits and how long all of that is ago. No other state is durable. */
export class Projections {
  readonly clock: RunningClock;
  readonly jobs: JobStore;
  readonly jobWatch: JobWatch;
  readonly undoings: Undoings;
  readonly keys: Keys;
  readonly limits: Limits;
  readonly #carryOver: CarryOver;
  #isLive = false;

  constructor({ clock, limits, bounds, terminalStatuses, settleMs }: ProjectionsOptions) {
    this.clock = new RunningClock(clock);
    this.jobs = new JobStore(this.clock, bounds?.jobs);
    this.jobWatch = new JobWatch(this.jobs, terminalStatuses);
    this.undoings = new Undoings(settleMs, bounds?.undoingsMax);
    this.keys = new Keys(this.clock, bounds?.keysMax);
    this.limits = new Limits({ ...limits, clock: this.clock });
    this.#carryOver = new CarryOver(this.jobs);
  }

  /** Takes each record, in order: first those of earlier lives, then each new one once it is durable. */
  readonly onRecord = (record: StoredRecord): void => {
    if (!this.#isLive) this.clock.goOnFrom(record.uptime_ms ?? 0);
    this.jobs.apply(record);
    this.jobWatch.apply(record);
    this.undoings.apply(record);
    this.#carryOver.see(record);
    if (this.#isLive) return;
    this.limits.restore(record);
    this.keys.restore(record);
  };

  /** The log is open: what was on its way when the last life ended is closed as unknown, and new things may happen. */
  async goLive(audit: AuditLog, log: Log, firstDay: () => string | undefined): Promise<void> {
    await closeOpenIntents(audit, this.jobs, log);
    this.#isLive = true;
    this.#carryOver.begin({ append: (draft) => audit.append(draft), firstDay });
  }
}
