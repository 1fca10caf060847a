import type { Draft } from "../audit/record.ts";
import type { StreamEvent } from "../stream/hub.ts";
import type { StatusFacts } from "../wire/podium.ts";
import { statusFacts } from "../wire/podium.ts";
import type { Job } from "./job.ts";
import { askedReason } from "./job.ts";
import type { JobStore } from "./store.ts";
import type { JobWatch } from "./watch.ts";

/** Podium is asked this often after a hole, each time after twice the wait: eight and a half minutes in all. */
export const asksMax = 10;
export const firstWaitMs = 1_000;

export interface UnheardDeps {
  readonly jobs: Pick<JobStore, "get">;
  readonly watch: JobWatch;
  readonly append: (draft: Draft) => Promise<unknown>;
  readonly terminalStatuses: ReadonlySet<string>;
  /** Podium's status, asked for now or later, as JSON text; undefined when it can't be had. */
  readonly podiumStatus: () => Promise<string | undefined>;
  /** Resolves when all that Podium has sent by now was heard; as false when that is not certain. */
  readonly flushed: () => Promise<boolean>;
}

/**
 * A job's last word may be lost in a hole of Podium's telemetry: while the connection was away, or we were. Then Podium's
 * status is asked. What it calls ended is recorded as such; what it is busy with, or has not begun, will be heard of again;
 * of what it says nothing, nobody knows, and after a while the job's streams are told so and end.
 */
export class Unheard {
  readonly #deps: UnheardDeps;
  /** Jobs of which nothing has been heard since the last hole; replaced by the next one. */
  #silent = new Set<string>();
  #next: ReturnType<typeof setTimeout> | undefined;

  constructor(deps: UnheardDeps) {
    this.#deps = deps;
  }

  /** Podium's telemetry goes on after a hole, or begins: what it said before is not known. */
  begin(): void {
    this.stop();
    const running = this.#deps.watch.running();
    for (const { job_id } of running) this.#deps.watch.miss(job_id);
    this.#silent = new Set(running.map(({ job_id }) => job_id));
    void this.#ask(this.#silent, 1);
  }

  stop(): void {
    clearTimeout(this.#next);
    this.#silent = new Set();
  }

  isAsking(jobId: string): boolean {
    return this.#silent.has(jobId);
  }

  /** Podium has said something. Only its word for a story says that it goes on: an idle agent may name its last one. */
  heard(event: StreamEvent): void {
    const { watch } = this.#deps;
    if (event.status === undefined || (this.#silent.size === 0 && !watch.hasLost)) return;
    for (const job of watch.toldBy(event)) this.#found(job);
  }

  async #ask(silent: ReadonlySet<string>, asks: number): Promise<void> {
    if (silent.size === 0) return;
    // Of one that Podium takes only now, its words may still be about an earlier run.
    const taken = [...silent]
      .flatMap((jobId) => this.#deps.jobs.get(jobId) ?? [])
      .filter(({ status }) => status === "queued");
    const json = await this.#deps.podiumStatus();
    // What ended just now may be told by a frame that is still on its way: Podium's own word goes before ours about it.
    if (json !== undefined && (await this.#deps.flushed()) && silent === this.#silent) this.#learn(taken, json);
    if (silent !== this.#silent || silent.size === 0) return;
    if (asks < asksMax) this.#next = setTimeout(() => void this.#ask(silent, asks + 1), firstWaitMs * 2 ** (asks - 1));
    else for (const jobId of silent) this.#deps.watch.lose(jobId);
  }

  #learn(asked: readonly Job[], json: string): void {
    const said = statusFacts(json);
    const { terminalStatuses } = this.#deps;
    for (const job of asked.filter(({ job_id }) => this.#silent.has(job_id))) {
      const facts = factsOf(said, job);
      const word = endWordOf(said, job, terminalStatuses);
      const isOpen = facts?.isUntouched && ![...facts.words].some((each) => terminalStatuses.has(each));
      if (facts?.isStarted || isOpen) this.#found(job);
      else if (word !== undefined) this.#end(job, word);
    }
  }

  #end(job: Job, word: string): void {
    this.#found(job);
    // Nobody waits for it; a log that can't be written says so itself and ends the process.
    this.#deps.append(endDraft(job, word)).catch(() => {});
  }

  #found({ job_id }: Job): void {
    this.#silent.delete(job_id);
    this.#deps.watch.find(job_id);
  }
}

type Said = ReturnType<typeof statusFacts>;

function factsOf({ told }: Said, { story_id, plan_id }: Job): StatusFacts | undefined {
  return told.get(story_id ?? plan_id ?? "");
}

/** The word by which Podium calls a job ended. Places that contradict each other, or may where nobody has looked, tell nothing. */
export function endWordOf(said: Said, job: Job, terminalStatuses: ReadonlySet<string>): string | undefined {
  const facts = factsOf(said, job);
  if (!facts || !said.isWhole || facts.isStarted || facts.isUntouched) return undefined;
  const ends = [...facts.words].filter((word) => terminalStatuses.has(word));
  return ends.length === 1 ? ends[0] : undefined;
}

/** Its last word, as it was asked for. */
export function endDraft({ audit_id, job_id, action, story_id, plan_id }: Job, word: string): Draft {
  return { event: "job", audit_id, job_id, action, story_id, plan_id, podium_status: word, reason: askedReason };
}
