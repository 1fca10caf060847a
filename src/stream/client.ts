import type { Peer, PeerHandlers } from "../runtime/types.ts";
import type { Clients } from "./clients.ts";
import type { Hub, StreamEvent } from "./hub.ts";
import { frameText } from "./hub.ts";
import { closeCodes, Outbox } from "./outbox.ts";

/** What one client asked for, taken from its URL. */
export interface Wish {
  /** Only these types of Podium's frames; all wanted ones when absent. Our own frames always pass. */
  readonly types?: ReadonlySet<string>;
  readonly envelope: boolean;
  /** Cursor to resume after. */
  readonly since?: string;
  /** Only this job's story. */
  readonly job?: JobView;
}

/** What a stream needs to know of a job. */
export interface JobView {
  readonly jobId: string;
  /** Podium's name for what runs; a job without one (halt, status) has no frames. */
  readonly storyId?: string;
  /** The last frame about it, as Podium sent it. */
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
}

/** Frames a client may send before it is closed: there are none to expect, a few are a polite mistake. */
const inboundMax = 16;

/** WebSocket handlers for one client: what is known first, then live, then (for a job) the end. */
export function streamClient(context: StreamContext, wish: Wish): PeerHandlers {
  let outbox: Outbox | undefined;
  let leave: (() => void) | undefined;
  let inbound = 0;
  return {
    open(peer: Peer) {
      const box = new Outbox(peer, { bytesMax: context.queueBytesMax, warning: slowWarning(context) });
      outbox = box;
      context.clients.add(box);
      const deliver = delivery(context, wish, box);
      for (const event of beginning(context, wish)) box.send(frameText(context.hub, event, wish.envelope));
      if (wish.job?.ended) return box.close(closeCodes.done, "the job has ended");
      leave = context.hub.subscribe(deliver);
    },
    message() {
      if (++inbound > inboundMax) outbox?.close(closeCodes.policy, "this stream takes no messages");
    },
    drain: () => outbox?.drained(),
    close() {
      leave?.();
      if (outbox) context.clients.remove(outbox);
    },
  };
}

/** Everything a client gets before the first live frame. Runs in one turn with the subscription: nothing slips between. */
function beginning(context: StreamContext, wish: Wish): StreamEvent[] {
  const { hub } = context;
  const events = [context.gatewayStatus()];
  if (wish.since !== undefined) {
    const missed = hub.since(wish.since);
    if (!missed)
      events.push(hub.own("GAP", { reason: "cursor", since: wish.since, resumeAt: `${hub.epoch}:${hub.seq}` }));
    else return [...events, ...missed.filter((event) => wants(wish, event))];
  }
  if (wish.job?.lastFrame !== undefined) events.push(knownFrame(hub, wish.job.lastFrame));
  return events;
}

function knownFrame(hub: Hub, text: string): StreamEvent {
  return { ...hub.own("STORY_STATUS", {}), text };
}

function delivery(context: StreamContext, wish: Wish, outbox: Outbox): (event: StreamEvent) => void {
  return (event) => {
    if (!wants(wish, event)) return;
    outbox.send(frameText(context.hub, event, wish.envelope));
    if (wish.job && event.seq > 0 && event.status !== undefined && context.terminalStatuses.has(event.status)) {
      outbox.close(closeCodes.done, "the job has ended");
    }
  };
}

function wants(wish: Wish, event: StreamEvent): boolean {
  if (event.seq === 0) return true;
  if (wish.types && !wish.types.has(event.type)) return false;
  return !wish.job || (wish.job.storyId !== undefined && wish.job.storyId === event.storyId);
}

function slowWarning({ hub, queueBytesMax }: StreamContext): (queuedBytes: number) => string {
  return (queuedBytes) => hub.own("GATEWAY_STATUS", { warning: "slow_client", queuedBytes, queueBytesMax }).text;
}
