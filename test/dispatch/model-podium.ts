import type { PodiumClient } from "../../src/podium/client.ts";
import type { Verdict } from "../../src/podium/verdict.ts";
import type { PodiumRequest } from "../../src/wire/podium.ts";
import { diedMidAnswer, refusedConnection, said, timedOut, yes } from "./scripted-podium.ts";

/** What Podium does with one command: whether it runs it, and what its caller hears. */
export const faults = [
  "yes",
  "no",
  "success false",
  "500 ran",
  "500 not",
  "died ran",
  "died not",
  "lost",
  "late",
  "unsent",
] as const;
export type Fault = (typeof faults)[number];

const heard: Readonly<Record<Fault, Verdict>> = {
  yes,
  no: said(409, '{"error":"no"}'),
  "success false": said(200, '{"success":false,"error":"no"}'),
  "500 ran": said(500, ""),
  "500 not": said(500, ""),
  "died ran": diedMidAnswer,
  "died not": diedMidAnswer,
  lost: timedOut,
  late: timedOut,
  unsent: refusedConnection,
};
const runsNow: ReadonlySet<Fault> = new Set(["yes", "500 ran", "died ran"]);

/** One enqueue that arrived at Podium. */
export interface Arrival {
  readonly auditId: string;
  readonly story: string;
  readonly key: string | undefined;
  /** True time, which no clock shows. */
  readonly at: number;
}

interface Waiting {
  readonly request: PodiumRequest;
  readonly arrival: Arrival | undefined;
  hear(verdict: Verdict): void;
}

/** Podium's side of the model: what really happened, whatever the gateway believes. */
export class ModelPodium {
  now = 0;
  /** Commands that arrived, connections refused apart. */
  readonly arrivals: Arrival[] = [];
  readonly executions: Arrival[] = [];
  readonly waiting: Waiting[] = [];
  #late: { arrival: Arrival; at: number }[] = [];
  /** Audit ids whose next tries are refused too. */
  readonly refusing = new Map<string, number>();

  /** Whether a command may still run that its caller heard nothing of. */
  get isLate(): boolean {
    return this.#late.length > 0;
  }

  /** The connection of one gateway process. `alive` turns false at its death. */
  client(alive: () => boolean): PodiumClient {
    return {
      send: (request, token) => (alive() ? this.#receive(request, token ?? "") : new Promise<Verdict>(() => {})),
    };
  }

  #receive(request: PodiumRequest, auditId: string): Promise<Verdict> {
    const left = this.refusing.get(auditId) ?? 0;
    if (left > 0) {
      this.refusing.set(auditId, left - 1);
      return Promise.resolve(refusedConnection);
    }
    const body = JSON.parse(request.body ?? "{}") as { type?: string; storyId?: string; key?: string };
    if (body.type === "HALT" || body.type === "CANCEL_STORY") return Promise.resolve(yes);
    const arrival =
      body.type === "ENQUEUE_STORY" ? { auditId, story: body.storyId!, key: body.key, at: this.now } : undefined;
    return new Promise((hear) => void this.waiting.push({ request, arrival, hear }));
  }

  /** Answers the oldest waiting request; a look at the status is answered truly, or not at all. */
  answer(fault: Fault, tries: number): void {
    const next = this.waiting.shift();
    if (!next) return;
    if (!next.arrival) return next.hear(fault === "lost" || fault === "unsent" ? heard[fault] : this.#status());
    if (fault === "unsent") this.refusing.set(next.arrival.auditId, tries);
    else this.#arrive(next.arrival, fault);
    next.hear(heard[fault]);
  }

  /** The gateway died: what had arrived takes its course, unheard. */
  orphan(fault: Fault): void {
    for (const { arrival } of this.waiting.splice(0)) {
      if (!arrival || fault === "unsent") continue;
      this.#arrive(arrival, fault);
    }
    this.refusing.clear();
  }

  #arrive(arrival: Arrival, fault: Fault): void {
    this.arrivals.push(arrival);
    if (runsNow.has(fault)) this.executions.push(arrival);
    // As late as it can be: one millisecond before "not started" becomes a proof.
    if (fault === "late") this.#late.push({ arrival, at: this.now + 29_999 });
  }

  pass(ms: number): void {
    this.now += ms;
    const due = this.#late.filter(({ at }) => at <= this.now);
    this.#late = this.#late.filter(({ at }) => at > this.now);
    for (const { arrival } of due) this.executions.push(arrival);
  }

  #status(): Verdict {
    const started = new Set(this.executions.map(({ story }) => story));
    const stories = ["STORY-0", "STORY-1", "STORY-2"].map((storyId) => ({
      storyId,
      status: started.has(storyId) ? "queued" : "todo",
    }));
    return said(200, JSON.stringify({ stories }));
  }
}
