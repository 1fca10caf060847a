import type { Clock } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { AgentPool } from "./agents.ts";
import type { Ledger } from "./ledger.ts";

export interface ConductorOptions {
  readonly ledger: Ledger;
  readonly agents: AgentPool;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between beats. */
  readonly beatMs: number;
}

/** The beat: waiting stories whose dependencies are done become queued, queued ones get an agent. */
export class Conductor {
  readonly #options: ConductorOptions;
  #timer: ReturnType<typeof setInterval> | undefined;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;
  #beats = 0;
  #lastBeatMs: number | undefined;

  constructor(options: ConductorOptions) {
    this.#options = options;
  }

  get beats(): number {
    return this.#beats;
  }

  get lastBeatMs(): number | undefined {
    return this.#lastBeatMs;
  }

  start(): void {
    this.#timer = setInterval(() => this.#beat(), this.#options.beatMs);
    this.beatSoon();
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
  }

  /** A beat after the running code: the answer to an enqueue says `queued` before the story starts. */
  beatSoon(): void {
    if (this.#stopped) return;
    this.#soon ??= setTimeout(() => {
      this.#soon = undefined;
      this.#beat();
    }, 0);
  }

  #beat(): void {
    const { ledger, agents, clock, log } = this.#options;
    this.#beats++;
    this.#lastBeatMs = clock.now();
    ledger.flush();
    if (ledger.state.halted) return;
    try {
      this.#promote();
      agents.assign();
    } catch (error) {
      log.error("luno_beat_failed", { reason: messageOf(error) });
    }
  }

  #promote(): void {
    const { ledger } = this.#options;
    const ready = ledger.state.queue.filter(({ storyId }) => {
      const story = ledger.stories.get(storyId);
      return story && ledger.stateOf(story).status === "blocked" && ledger.unmet(story).length === 0;
    });
    if (ready.length === 0) return;
    ledger.commit({ transitions: ready.map(({ storyId }) => ({ storyId, to: "queued" })) });
  }
}
