import type { Clock } from "../lib/clock.ts";
import type { RunListener } from "./execution.ts";

/** What a run may say at once: a long error report with its stack, several times over. */
export const burstBytesMax = 262_144;
/** What it may say on and on: far more than a person or a gateway's history can hold. */
const bytesPerSecond = 65_536;
/** Characters of a line that become telemetry; the rest is cut. */
const lineLengthMax = 4096;
/** The frame around a line weighs about as much as a short line. */
const frameBytes = 200;

/**
 * Lets a command's output through as telemetry, but no flood: a client that reads well must never be dropped because a
 * story talks faster than anybody can listen. The command itself is not slowed down, and the number of lines left out
 * is told.
 */
export class OutputGate {
  readonly #line: RunListener["line"];
  readonly #clock: Pick<Clock, "monotonic">;
  #room = burstBytesMax;
  #lastMs: number;
  #leftOut = 0;

  constructor(line: RunListener["line"], clock: Pick<Clock, "monotonic">) {
    this.#line = line;
    this.#clock = clock;
    this.#lastMs = clock.monotonic();
  }

  pass(line: string, stream: "stdout" | "stderr"): void {
    const text = (line.length > lineLengthMax ? `${line.slice(0, lineLengthMax)}…` : line).toWellFormed();
    const nowMs = this.#clock.monotonic();
    this.#room = Math.min(burstBytesMax, this.#room + ((nowMs - this.#lastMs) / 1000) * bytesPerSecond);
    this.#lastMs = nowMs;
    const bytes = text.length + frameBytes;
    if (bytes > this.#room) {
      this.#leftOut++;
      return;
    }
    this.#room -= bytes;
    this.tellLeftOut();
    this.#line(text, stream);
  }

  /** To be called at the end of the run as well: the last lines may be among those left out. */
  tellLeftOut(): void {
    if (this.#leftOut === 0) return;
    this.#line(`(too much output at once; lines left out: ${this.#leftOut})`, "stderr");
    this.#leftOut = 0;
  }
}
