import type { Peer, PeerHandlers } from "../runtime/types.ts";
import type { Clients, Pass } from "./clients.ts";
import type { JobView } from "./job-stream.ts";
import { beginJob, isAbout, isEnd } from "./job-stream.ts";
import type { Hub, StreamEvent } from "./hub.ts";
import { closeCodes, Outbox } from "./outbox.ts";
import type { Render } from "./render.ts";
import { Replay } from "./replay.ts";

/** What one client asked for, taken from its URL. */
export interface Wish {
  /** Only these types of Podium's frames; all wanted ones when absent. Our own frames always pass. */
  readonly types?: ReadonlySet<string>;
  /** Cursor to resume after. */
  readonly since?: string;
  /** Only this job's story or plan. */
  readonly job?: JobView;
  /** What it came in with; absent where nobody is asked for anything. */
  readonly pass?: Pass;
}

export interface StreamContext {
  readonly hub: Hub;
  readonly clients: Clients;
  readonly queueBytesMax: number;
  readonly terminalStatuses: ReadonlySet<string>;
  /** The GATEWAY_STATUS frame of this moment. */
  readonly gatewayStatus: () => StreamEvent;
  /** Podium's status, asked for now or later, as a SNAPSHOT frame; it says so when it can't be had. */
  readonly snapshot: () => Promise<StreamEvent>;
}

/** Frames a client may send before it is closed: there are none to expect, a few are a polite mistake. */
export const inboundMax = 16;

/**
 * One client, whatever it is connected by: what is known or was missed first, then live, then (for a job) the end. The
 * last look at the history and the subscription are one turn: no frame can slip through, and none comes twice.
 */
export function streamClient(context: StreamContext, wish: Wish, render: Render): PeerHandlers {
  let outbox: Outbox | undefined;
  let replay: Replay | undefined;
  const leave: (() => void)[] = [];
  const forget = (): void => {
    for (const go of leave.splice(0)) go();
    if (outbox) context.clients.remove(outbox);
  };
  let inbound = 0;
  return {
    open(peer: Peer) {
      const { hub, queueBytesMax: bytesMax } = context;
      const box = new Outbox(peer, { bytesMax, warning: slowWarning(context, render), onDrop: forget });
      outbox = box;
      context.clients.add(box, wish.pass);
      const deliver = delivery(context, wish, box, render);
      const sayStatus = (position?: number): void =>
        deliver({ ...context.gatewayStatus(), ...(position !== undefined && { position }) });
      const goLive = (waited: boolean): void => {
        if (waited) sayStatus(hub.seq);
        // Told its end already, and perhaps closed in that very call: nobody would take back what is taken now.
        if (box.isEnding) return;
        const { job } = wish;
        leave.push(hub.subscribe(job ? (event) => void ((event.own || job.isMeant()) && deliver(event)) : deliver));
        if (!job) return;
        const endIfOver = (): void => endJob(hub, job, deliver, box);
        leave.push(job.listen(endIfOver));
        endIfOver();
      };
      const after = wish.since === undefined ? undefined : hub.positionOf(wish.since);
      // Whoever joins now has missed nothing up to here; whoever resumes has not caught up yet.
      sayStatus(wish.since === undefined ? hub.seq : undefined);
      if (after !== undefined) {
        const isOwn = ofThisRun(wish);
        replay = new Replay(hub, box, { after, deliver: (event) => void (isOwn(event) && deliver(event)), goLive });
        return replay.advance();
      }
      if (wish.since !== undefined) tellGap(context, wish.since, deliver);
      if (wish.job) beginJob(hub, wish.job, deliver);
      goLive(false);
    },
    message() {
      if (++inbound > inboundMax) outbox?.close(closeCodes.policy, "this stream takes no messages");
    },
    drain() {
      outbox?.drained();
      replay?.advance();
    },
    close: forget,
  };
}

/** Of a resumed job's history: what Podium said of an earlier run of the story, or of a later one, is not its. */
function ofThisRun({ job }: Wish): (event: StreamEvent) => boolean {
  if (!job) return () => true;
  const until = job.until();
  return ({ own, at }) => {
    const since = job.since();
    return own === true || (since !== undefined && at >= since && (until === undefined || at <= until));
  };
}

/** A cursor that can't be honoured: where to go on from, and how Podium is now. */
function tellGap({ hub, snapshot }: StreamContext, since: string, deliver: (event: StreamEvent) => void): void {
  const gap = hub.own("GAP", { reason: "cursor", since, resumeAt: `${hub.epoch}:${hub.seq}` });
  deliver({ ...gap, position: hub.seq });
  void snapshot().then(deliver);
}

/** The log knows how the job has ended: our word about it, and goodbye. */
function endJob(hub: Hub, job: JobView, deliver: (event: StreamEvent) => void, box: Outbox): void {
  const ending = job.ending();
  if (!ending || box.isEnding) return;
  deliver({ ...hub.own("JOB_OUTCOME", ending), position: hub.seq, isLast: true });
  box.close(closeCodes.done, "nothing more is to come");
}

function delivery(context: StreamContext, wish: Wish, outbox: Outbox, render: Render): (event: StreamEvent) => void {
  const { hub, terminalStatuses } = context;
  return (event) => {
    // An end that this client does not want to see is told by the log, in our words.
    if (!wants(wish, event)) return;
    if (!wish.job || !isEnd(wish.job, event, terminalStatuses)) return outbox.send(render(event));
    outbox.send(render({ ...event, position: hub.seq, isLast: true }));
    outbox.close(closeCodes.done, "the job has ended");
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
