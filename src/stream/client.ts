import type { Peer, PeerHandlers } from "../runtime/types.ts";
import type { Clients } from "./clients.ts";
import type { Hub, StreamEvent } from "./hub.ts";
import { closeCodes, Outbox } from "./outbox.ts";
import type { Render } from "./render.ts";

/** What one client asked for, taken from its URL. */
export interface Wish {
  /** Only these types of Podium's frames; all wanted ones when absent. Our own frames always pass. */
  readonly types?: ReadonlySet<string>;
  /** Cursor to resume after. */
  readonly since?: string;
  /** Only this job's story or plan. */
  readonly job?: JobView;
}

/** What a stream needs to know of a job. */
export interface JobView {
  /** Podium's names for what runs; a job without one (halt, status) has no frames. */
  readonly storyId?: string;
  readonly planId?: string;
  /** RFC 3339: frames before it belong to an earlier run of the same story. */
  readonly createdAt: string;
  /** The last frame about it that is on record, as Podium sent it. */
  readonly lastFrame?: string;
  /** Whether it has ended already. */
  readonly ended: boolean;
}

export interface StreamContext {
  readonly hub: Hub;
  readonly clients: Clients;
  readonly queueBytesMax: number;
  readonly terminalStatuses: ReadonlySet<string>;
  /** The GATEWAY_STATUS frame of this moment. */
  readonly gatewayStatus: () => StreamEvent;
  /** Podium's status as a SNAPSHOT frame; undefined when it can't be had. */
  readonly snapshot: () => Promise<StreamEvent | undefined>;
}

/** Frames a client may send before it is closed: there are none to expect, a few are a polite mistake. */
const inboundMax = 16;

/**
 * One client, whatever it is connected by: what is known first, then live, then (for a job) the end. All that `open`
 * does happens in one turn: between the history and the subscription no frame can slip through, and none comes twice.
 */
export function streamClient(context: StreamContext, wish: Wish, render: Render): PeerHandlers {
  let outbox: Outbox | undefined;
  let unsubscribe: (() => void) | undefined;
  let inbound = 0;
  return {
    open(peer: Peer) {
      const box = new Outbox(peer, { bytesMax: context.queueBytesMax, warning: slowWarning(context, render) });
      outbox = box;
      context.clients.add(box);
      const deliver = delivery(context, wish, box, render);
      unsubscribe = context.hub.subscribe(deliver);
      // Whoever joins now has missed nothing up to here; whoever resumes has not caught up yet.
      const status = context.gatewayStatus();
      box.send(render(wish.since === undefined ? { ...status, position: context.hub.seq } : status));
      begin(context, wish, deliver);
      if (wish.job?.ended) box.close(closeCodes.done, "the job has ended");
    },
    message() {
      if (++inbound > inboundMax) outbox?.close(closeCodes.policy, "this stream takes no messages");
    },
    drain: () => outbox?.drained(),
    close() {
      unsubscribe?.();
      if (outbox) context.clients.remove(outbox);
    },
  };
}

/** Everything that a client gets between the gateway's status and the first live frame. */
function begin(context: StreamContext, wish: Wish, deliver: (event: StreamEvent) => void): void {
  const { hub } = context;
  const missed = wish.since === undefined ? undefined : hub.since(wish.since);
  if (missed) {
    for (const event of missed) deliver(event);
    return;
  }
  if (wish.since !== undefined) {
    const gap = hub.own("GAP", { reason: "cursor", since: wish.since, resumeAt: `${hub.epoch}:${hub.seq}` });
    deliver({ ...gap, position: hub.seq });
    void context.snapshot().then((event) => event && deliver(event));
  }
  if (wish.job) beginJob(hub, wish.job, deliver);
}

/** The newest frame of the job: the one in the history is newer than the one on record. */
function beginJob(hub: Hub, job: JobView, deliver: (event: StreamEvent) => void): void {
  // After its end, the story's newer frames belong to another dispatch.
  const newest = job.ended ? undefined : hub.newest((event) => isAbout(job, event) && event.at >= job.createdAt);
  if (newest) deliver(newest);
  else if (job.lastFrame !== undefined) deliver({ ...hub.own("STORY_STATUS", {}), text: job.lastFrame });
}

function delivery(context: StreamContext, wish: Wish, outbox: Outbox, render: Render): (event: StreamEvent) => void {
  return (event) => {
    if (wants(wish, event)) outbox.send(render(event));
    if (wish.job && ends(wish.job, event, context.terminalStatuses)) {
      outbox.close(closeCodes.done, "the job has ended");
    }
  };
}

function wants(wish: Wish, event: StreamEvent): boolean {
  if (event.own) return true;
  if (wish.types && !wish.types.has(event.type)) return false;
  return !wish.job || isAbout(wish.job, event);
}

function isAbout({ storyId, planId }: JobView, event: StreamEvent): boolean {
  if (storyId !== undefined) return storyId === event.storyId;
  return planId !== undefined && planId === event.planId;
}

/** A story of a plan that ends does not end the plan: only a frame about the plan itself does. */
function ends(job: JobView, event: StreamEvent, terminal: ReadonlySet<string>): boolean {
  const { storyId } = job;
  if (!isAbout(job, event)) return false;
  if (event.own || event.status === undefined || !terminal.has(event.status)) return false;
  return storyId !== undefined || event.storyId === undefined;
}

function slowWarning({ hub, queueBytesMax }: StreamContext, render: Render): (queuedBytes: number) => string {
  return (queuedBytes) => render(hub.own("GATEWAY_STATUS", { warning: "slow_client", queuedBytes, queueBytesMax }));
}
