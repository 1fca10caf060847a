import type { Clock } from "../lib/clock.ts";
import type { Files } from "../runtime/types.ts";

export interface Reserve {
  readonly files: Pick<Files, "freeBytes">;
  readonly clock: Clock;
  readonly dir: string;
  readonly diskReserveMb: number;
}

/** Milliseconds that a look at the disk holds: at the default limits, in that time two records are written at most. */
const lookMs = 100;

/** The space kept for outcomes and halts. */
export class DiskReserve {
  readonly #reserve: Reserve;
  #freeBytes = 0;
  #lookedAt = -Infinity;

  constructor(reserve: Reserve) {
    this.#reserve = reserve;
  }

  /** What is missing of it, in words; undefined when it is there. */
  lack(): string | undefined {
    const { clock, dir, diskReserveMb } = this.#reserve;
    const now = clock.monotonic();
    if (now - this.#lookedAt >= lookMs) {
      this.#freeBytes = this.#look();
      this.#lookedAt = now;
    }
    const freeMb = Math.floor(this.#freeBytes / 1_048_576);
    return freeMb >= diskReserveMb
      ? undefined
      : `${freeMb} MiB are free in ${dir}, audit.disk_reserve_mb wants ${diskReserveMb}`;
  }

  /** A file system that can't be asked counts as a full one. */
  #look(): number {
    try {
      return this.#reserve.files.freeBytes(this.#reserve.dir);
    } catch {
      return 0;
    }
  }
}
