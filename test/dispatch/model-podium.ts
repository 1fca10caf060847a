import type { PodiumClient } from "../../src/podium/client.ts";
import type { Verdict } from "../../src/podium/verdict.ts";
import type { PodiumRequest } from "../../src/wire/podium.ts";
import { defaultRoutes } from "../../src/wire/podium.ts";
import type { Action } from "../../src/wire/dispatch.ts";
import { isExecuting, subjectOf } from "../../src/wire/dispatch.ts";
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
/** The last one is started by its plan only. */
const stories = ["STORY-0", "STORY-1", "STORY-2", "STORY-P"];
const planStory = "STORY-P";
/** What Podium says to be of the plan: STORY-2 is dispatched by itself, too. */
export const storiesOfPlan: ReadonlySet<string> = new Set(["STORY-2", planStory]);

function named(storyId: string): { readonly storyId: string; readonly planId?: string } {
  return { storyId, ...(storiesOfPlan.has(storyId) && { planId: "SKOREQ-XXX" }) };
}
const runsNow: ReadonlySet<Fault> = new Set(["yes", "500 ran", "died ran"]);

/** One command that arrived at Podium. */
export interface Arrival {
  readonly auditId: string;
  readonly action: Action;
  readonly story: string | undefined;
  /** What cooldown and doubt are about. */
  readonly subject: string;
  readonly key: string | undefined;
  /** True time, which no clock shows. */
  readonly at: number;
}

interface Frame {
  readonly storyId: string;
  readonly planId?: string;
  readonly status: string;
}

interface Waiting {
  readonly auditId: string;
  /** Undefined for a look at the status. */
  readonly arrival: Arrival | undefined;
  /** Podium's status when it arrived. */
  readonly shown: string;
  hear(verdict: Verdict): void;
}

function isSameRun(one: Arrival, other: Arrival): boolean {
  return one.subject === other.subject && isExecuting(one.action) && isExecuting(other.action);
}

/** Podium's side of the model: what really happened, whatever the gateway believes. */
export class ModelPodium {
  now = 0;
  /** Commands that arrived, connections refused apart. */
  readonly arrivals: Arrival[] = [];
  readonly executions: Arrival[] = [];
  readonly waiting: Waiting[] = [];
  #late: { arrival: Arrival; at: number }[] = [];
  /** Commands that were sent while an earlier one about the same could still come true. */
  readonly tooEarly: Arrival[] = [];
  /** Stories whose run is over. */
  readonly #ended = new Set<string>();
  /** Stories that a cancel or a halt has put back to where they were before they ran. */
  readonly #undone = new Set<string>();
  /** What its telemetry has to say yet, oldest first. */
  readonly #frames: Frame[] = [];
  /** Audit ids whose next tries are refused too. */
  readonly refusing = new Map<string, number>();

  /** The connection of one gateway process. `alive` turns false at its death. */
  client(alive: () => boolean): PodiumClient {
    return {
      send: (request, token, { mayLeave } = {}) =>
        alive() ? this.#receive(request, token ?? "", mayLeave) : new Promise<Verdict>(() => {}),
    };
  }

  #receive(request: PodiumRequest, auditId: string, mayLeave: () => boolean = () => true): Promise<Verdict> {
    const left = this.refusing.get(auditId) ?? 0;
    if (left > 0) {
      this.refusing.set(auditId, left - 1);
      return Promise.resolve(refusedConnection);
    }
    if (!mayLeave()) return Promise.resolve(refusedConnection);
    const arrival = request.method === "GET" ? undefined : this.#arrivalOf(request, auditId);
    if (arrival && this.#late.some(({ arrival: late }) => isSameRun(late, arrival))) this.tooEarly.push(arrival);
    return new Promise((hear) => void this.waiting.push({ auditId, arrival, shown: this.#status(), hear }));
  }

  #arrivalOf({ path, body = "{}" }: PodiumRequest, auditId: string): Arrival {
    const { type, storyId, planId, key } = JSON.parse(body) as Partial<Record<string, string>>;
    const fits = ([, route]: [string, (typeof defaultRoutes)["halt"]]): boolean =>
      route.path === path && route.body?.["type"] === type;
    const action = Object.entries(defaultRoutes).find(fits)![0] as Action;
    const subject = subjectOf({ action, story_id: storyId, plan_id: planId });
    return { auditId, action, story: storyId, subject, key, at: this.now };
  }

  /**
   * Answers one of those that wait; a look at the status is answered with what is true, or was when it arrived, with
   * nothing, or not at all.
   */
  answer(fault: Fault, tries: number, which: number): void {
    const [next] = this.waiting.splice(which % Math.max(1, this.waiting.length), 1);
    if (!next) return;
    if (fault === "unsent") this.refusing.set(next.auditId, tries);
    if (!next.arrival) return next.hear(this.#statusOr(fault, next.shown));
    if (fault !== "unsent") this.#arrive(next.arrival, fault);
    next.hear(heard[fault]);
  }

  /** The gateway died: what had arrived takes its course, unheard. */
  orphan(fault: Fault): void {
    for (const { arrival } of this.waiting.splice(0)) {
      if (!arrival || fault === "unsent") continue;
      this.#arrive(arrival, fault);
    }
    this.refusing.clear();
    // Telemetry that nobody heard is not said again.
    this.#frames.length = 0;
  }

  #arrive(arrival: Arrival, fault: Fault): void {
    this.arrivals.push(arrival);
    if (runsNow.has(fault)) this.#execute(arrival);
    // As late as it can be: one millisecond before "not started" becomes a proof.
    if (fault === "late") this.#late.push({ arrival, at: this.now + 29_999 });
  }

  #execute(arrival: Arrival): void {
    this.executions.push(arrival);
    if (arrival.action === "halt") for (const story of stories) this.#undo(story);
    if (arrival.action === "cancel_story") this.#undo(arrival.story!);
    const started = arrival.action === "enqueue_plan" ? planStory : arrival.story!;
    if (arrival.action !== "enqueue_story" && started !== planStory) return;
    this.#ended.delete(started);
    this.#undone.delete(started);
    this.#say(started);
  }

  #undo(story: string): void {
    const before = this.wordOf(story);
    this.#undone.add(story);
    if (this.wordOf(story) !== before) this.#say(story);
  }

  /** The story's run comes to its end, when it has one. */
  end(story: string): void {
    if (this.wordOf(story) !== "queued") return;
    this.#ended.add(story);
    this.#say(story);
  }

  #say(story: string): void {
    this.#frames.push({ ...named(story), status: this.wordOf(story) });
  }

  /** The next word of its telemetry: in order, but as late as it likes. */
  nextFrame(): Frame | undefined {
    return this.#frames.shift();
  }

  /** Its telemetry has a hole: what it had to say is lost. @returns its status */
  hole(): string {
    this.#frames.length = 0;
    return this.#status();
  }

  pass(ms: number): void {
    this.now += ms;
    const due = this.#late.filter(({ at }) => at <= this.now);
    this.#late = this.#late.filter(({ at }) => at > this.now);
    for (const { arrival } of due) this.#execute(arrival);
  }

  wordOf(story: string): string {
    const starts = (one: Arrival): boolean =>
      story === planStory ? one.action === "enqueue_plan" : one.action === "enqueue_story" && one.story === story;
    const isStarted = this.executions.some(starts);
    if (!isStarted || (this.#undone.has(story) && !this.#ended.has(story))) return "todo";
    return this.#ended.has(story) ? "done" : "queued";
  }

  #status(): string {
    return JSON.stringify({ stories: stories.map((story) => ({ ...named(story), status: this.wordOf(story) })) });
  }

  #statusOr(fault: Fault, shown: string): Verdict {
    if (fault === "lost" || fault === "unsent") return heard[fault];
    if (fault === "died not") return said(200, "{}");
    return said(200, fault === "late" || fault === "no" ? shown : this.#status());
  }
}
