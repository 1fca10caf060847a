import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Caller } from "./admission.ts";
import type { EnqueueAudit } from "./enqueue-audit.ts";
import type { Ledger } from "./ledger.ts";
import type { QueueEntry, Transition } from "./state.ts";
import type { StoryStatus } from "./vocabulary.ts";

/** More than a day's work for two agents; a queue frame stays under 64 KiB. */
export const queueLengthMax = 256;

export interface EnqueueRequest {
  readonly storyId: string;
  /** FORCE: may run a failed story again. It never runs a done, cancelled or running one. */
  readonly force: boolean;
  readonly bypassDependencies: boolean;
  /** A plan's stories wait for their dependencies in the queue; a single one is refused. */
  readonly waitForDependencies: boolean;
  readonly planId?: string;
}

/** What the eligibility rules look at. */
export interface Standing {
  readonly status: StoryStatus;
  readonly inQueue: boolean;
  readonly unmet: readonly { storyId: string; status: StoryStatus }[];
}

export interface Verdict {
  readonly decision: "queued" | "waiting" | "already_queued" | "refused";
  /** What stands against it; completes "Cannot enqueue STORY-001: …". */
  readonly reason?: string;
}
export type Decision = Verdict & { readonly storyId: string };

/**
 * The eligibility rules. `todo`, `pending`, `queued` and `blocked` may be enqueued; `done`, `cancelled` and
 * `in_progress` never; `failed` is in neither of Podium's lists, so that only FORCE runs it again: a client that
 * retries after a crash must not start the work twice by accident.
 */
export function judge(request: EnqueueRequest, { status, inQueue, unmet }: Standing): Verdict {
  const refused = (reason: string): Verdict => ({ decision: "refused", reason });
  if (inQueue && status === "queued") return { decision: "already_queued" };
  if (status === "done") return refused("it is done");
  if (status === "cancelled") return refused("it is cancelled");
  if (status === "in_progress") return refused("it is in_progress, and a story runs once at a time");
  if (status === "failed" && !request.force) return refused("it is failed; FORCE_ENQUEUE_STORY runs it again");
  if (unmet.length === 0 || request.bypassDependencies) return { decision: "queued" };
  if (request.waitForDependencies) return { decision: inQueue ? "already_queued" : "waiting" };
  return refused(`its dependencies are not done: ${unmet.map((d) => `${d.storyId} is ${d.status}`).join(", ")}`);
}

export interface KernelOptions {
  readonly ledger: Ledger;
  readonly audit: EnqueueAudit;
  readonly clock: Clock;
}

/** The only way into the queue. Synchronous from judging to writing, so that no second request comes in between. */
export class EnqueueKernel {
  readonly #options: KernelOptions;

  constructor(options: KernelOptions) {
    this.#options = options;
  }

  /** Judges all requests, writes the audit lines, then the queue: all of it or nothing. One decision a request. */
  enqueue(requests: readonly EnqueueRequest[], by: Caller): Decision[] {
    const decisions = this.#withinRoom(requests.map((request) => this.#decide(request)));
    try {
      this.#writeAudit(requests, decisions, by);
      this.#takeIn(requests, decisions, by);
      return decisions;
    } catch (error) {
      const why = `the queue can't be written (${messageOf(error)})`;
      const lost = decisions.map(({ storyId }) => refusal(storyId, why));
      this.#tryAudit(requests, lost, by);
      return lost;
    }
  }

  #decide(request: EnqueueRequest): Decision {
    const { storyId } = request;
    const { ledger } = this.#options;
    const story = ledger.stories.get(storyId);
    if (!story) return refusal(storyId, "there is no such story");
    if (ledger.state.halted) return refusal(storyId, "the orchestrator is halted; START_ORCHESTRATOR lifts that");
    const inQueue = ledger.state.queue.some((entry) => entry.storyId === storyId);
    return {
      storyId,
      ...judge(request, { status: ledger.stateOf(story).status, inQueue, unmet: ledger.unmet(story) }),
    };
  }

  /** Half a plan in the queue would be worse than none, so a queue without room for all refuses all. */
  #withinRoom(decisions: Decision[]): Decision[] {
    const { queue } = this.#options.ledger.state;
    const waiting = new Set(queue.map(({ storyId }) => storyId));
    const added = decisions.filter((d) => isTakenIn(d) && !waiting.has(d.storyId)).length;
    if (queue.length + added <= queueLengthMax) return decisions;
    const why = `the queue is full (${queue.length} of ${queueLengthMax} places are taken)`;
    return decisions.map((d) => (isTakenIn(d) ? refusal(d.storyId, why) : d));
  }

  #takeIn(requests: readonly EnqueueRequest[], decisions: readonly Decision[], by: Caller): void {
    const queue = [...this.#options.ledger.state.queue];
    const transitions: Transition[] = [];
    for (const [i, { storyId, decision }] of decisions.entries()) {
      if (decision !== "queued" && decision !== "waiting") continue;
      const entry = this.#entry(storyId, requests[i]?.bypassDependencies === true, by);
      const place = queue.findIndex((present) => present.storyId === storyId);
      if (place === -1) queue.push(entry);
      else queue[place] = entry;
      transitions.push({ storyId, to: decision === "queued" ? "queued" : "blocked" });
    }
    if (transitions.length > 0) this.#options.ledger.commit({ transitions, queue });
  }

  #entry(storyId: string, bypassDependencies: boolean, by: Caller): QueueEntry {
    return { storyId, enqueuedAt: timestampOf(this.#options.clock.now()), enqueuedBy: by.name, bypassDependencies };
  }

  #writeAudit(requests: readonly EnqueueRequest[], decisions: readonly Decision[], by: Caller): void {
    const timestamp = timestampOf(this.#options.clock.now());
    this.#options.audit.append(
      decisions.map(({ storyId, decision, reason }, i) => ({
        timestamp,
        storyId,
        decision,
        ...(reason !== undefined && { reason }),
        ...(requests[i]?.planId !== undefined && { planId: requests[i].planId }),
        force: requests[i]?.force === true,
        by: by.name,
        ...(by.tokenId !== undefined && { tokenId: by.tokenId }),
        ...(by.receipt && { receipt: by.receipt }),
      })),
    );
  }

  /** The disk refused a moment ago, so this line may fail as well; the caller is told either way. */
  #tryAudit(requests: readonly EnqueueRequest[], decisions: readonly Decision[], by: Caller): void {
    try {
      this.#writeAudit(requests, decisions, by);
    } catch {
      // Nothing was enqueued and the answer says so.
    }
  }
}

function isTakenIn({ decision }: Decision): boolean {
  return decision === "queued" || decision === "waiting";
}

function refusal(storyId: string, reason: string): Decision {
  return { storyId, decision: "refused", reason };
}
