import type { Peer, PeerHandlers } from "../runtime/types.ts";
import type { Clients } from "./clients.ts";
import type { JobView } from "./job-stream.ts";
import { beginJob, isAbout, isEnd } from "./job-stream.ts";
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
  const leave: (() => void)[] = [];
  const forget = (): void => {
    for (const go of leave.splice(0)) go();
    if (outbox) context.clients.remove(outbox);
  };
  let inbound = 0;
  return {
    open(peer: Peer) {
      const { queueBytesMax: bytesMax } = context;
      const box = new Outbox(peer, { bytesMax, warning: slowWarning(context, render), onDrop: forget });
      outbox = box;
      context.clients.add(box);
      const deliver = delivery(context, wish, box, render);
      leave.push(context.hub.subscribe(deliver));
      // Whoever joins now has missed nothing up to here; whoever resumes has not caught up yet.
      const status = context.gatewayStatus();
      box.send(render(wish.since === undefined ? { ...status, position: context.hub.seq } : status));
      const isResumed = begin(context, wish, deliver);
      if (!wish.job) return;
      const { job } = wish;
      if (!isResumed) beginJob(context.hub, job, deliver);
      const endIfOver = (): void => endJob(context.hub, job, deliver, box);
      leave.push(job.listen(endIfOver));
      endIfOver();
    },
    message() {
      if (++inbound > inboundMax) outbox?.close(closeCodes.policy, "this stream takes no messages");
    },
    drain: () => outbox?.drained(),
    close: forget,
  };
}

/** Everything that a client gets between the gateway's status and the first live frame. @returns whether it resumed */
function begin(context: StreamContext, wish: Wish, deliver: (event: StreamEvent) => void): boolean {
  const { hub } = context;
  if (wish.since === undefined) return false;
  const missed = hub.since(wish.since);
  if (missed) {
    for (const event of missed) deliver(event);
    return true;
  }
  const gap = hub.own("GAP", { reason: "cursor", since: wish.since, resumeAt: `${hub.epoch}:${hub.seq}` });
  deliver({ ...gap, position: hub.seq });
  void context.snapshot().then((event) => event && deliver(event));
  return false;
}

/** The log knows how the job has ended: our word about it, and goodbye. */
function endJob(hub: Hub, job: JobView, deliver: (event: StreamEvent) => void, box: Outbox): void {
  const ending = job.ending();
  if (!ending || box.isEnding) return;
  deliver(hub.own("JOB_OUTCOME", ending));
  box.close(closeCodes.done, "the job has ended");
}

function delivery(context: StreamContext, wish: Wish, outbox: Outbox, render: Render): (event: StreamEvent) => void {
  return (event) => {
    if (wants(wish, event)) outbox.send(render(event));
    if (wish.job && isEnd(wish.job, event, context.terminalStatuses)) {
      outbox.close(closeCodes.done, "the job has ended");
    }
  };
}

function wants(wish: Wish, event: StreamEvent): boolean {
  if (event.own) return true;
  if (wish.types && !wish.types.has(event.type)) return false;
  return !wish.job || isAbout(wish.job, event);
}

function slowWarning({ hub, queueBytesMax }: StreamContext, render: Render): (queuedBytes: number) => string {
  return (queuedBytes) => render(hub.own("GATEWAY_STATUS", { warning: "slow_client", queuedBytes, queueBytesMax }));
}
