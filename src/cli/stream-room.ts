import type { DispatchDeps } from "../dispatch/pipeline.ts";
import type { Draft } from "../audit/record.ts";
import { followTelemetry } from "../jobs/follow.ts";
import { PlanEnds } from "../jobs/plan-ends.ts";
import type { UnheardDeps } from "../jobs/unheard.ts";
import { Unheard } from "../jobs/unheard.ts";
import type { JobWatch } from "../jobs/watch.ts";
import { connectionLog } from "../podium/connection-log.ts";
import { askedSince } from "../podium/status.ts";
import type { StreamSigner } from "../podium/telemetry.ts";
import { Telemetry } from "../podium/telemetry.ts";
import type { StreamContext } from "../stream/client.ts";
import { Clients } from "../stream/clients.ts";
import type { FaultCounts } from "../stream/frame-faults.ts";
import { FrameFaults } from "../stream/frame-faults.ts";
import { gatewayStatus } from "../stream/gateway-status.ts";
import type { Verdict } from "../podium/verdict.ts";
import type { StreamEvent } from "../stream/hub.ts";
import { Hub } from "../stream/hub.ts";
import { jsonWith } from "../wire/raw-json.ts";
import type { GatewayOptions } from "./gateway.ts";

export interface StreamRoom {
  readonly hub: Hub;
  readonly clients: Clients;
  readonly telemetry: Telemetry;
  readonly context: StreamContext;
  /** Podium's frames that could not be passed on. */
  readonly faults: FrameFaults;
  readonly questions: Questions;
}

/** What Podium is asked about jobs whose end it has not told. */
interface Questions {
  heard(event: StreamEvent): void;
  /** Something may have been missed. */
  begin(): void;
  /** Nothing can be heard. */
  pause(): void;
  stop(): void;
}

function questionsOf(deps: UnheardDeps): Questions {
  const unheard = new Unheard(deps);
  const planEnds = new PlanEnds({ ...deps, unheard });
  return {
    heard(event) {
      unheard.heard(event);
      planEnds.heard(event);
    },
    begin: () => unheard.begin(),
    pause: () => unheard.stop(),
    stop() {
      unheard.stop();
      planEnds.stop();
    },
  };
}

/** Podium's status of the moment in which it is asked; without an answer, that there is none. */
async function snapshotOf(hub: Hub, podiumStatus: () => Promise<Verdict>): Promise<StreamEvent> {
  const asked = hub.own("SNAPSHOT", {});
  const { type, at } = asked;
  const verdict = await podiumStatus();
  const isKnown = verdict.kind === "accepted";
  const fields = isKnown ? { type } : { type, detail: `Podium can't be asked: ${verdict.detail}` };
  return { ...asked, text: jsonWith(fields, { podium: isKnown ? verdict.json : "null", timestamp: `"${at}"` }) };
}

/** Streams that are held open leave a third of the descriptors to those who say something, such as a halt. */
function clientsOf({ runtime, config: { stream }, log }: GatewayOptions): Clients {
  const descriptors = runtime.process.descriptorsMax();
  const clientsMax = Math.min(stream.clients_max, Math.floor((descriptors * 2) / 3));
  if (clientsMax < stream.clients_max) {
    const message = `${clientsMax} stream clients at most, and not stream.clients_max: two thirds of the descriptors that this process may have (LimitNOFILE)`;
    log.info("stream_clients", { message, descriptors });
  }
  return new Clients({ clientsMax, perAddressMax: stream.clients_per_address_max });
}

interface FrameSigner {
  readonly stream: StreamSigner;
  /** A frame without any token that Podium was shown. */
  redact(text: string): string;
}

/** Podium's telemetry → hub → clients, and on its way past, each job's newest word into the log. */
export function openStream(
  options: GatewayOptions,
  dispatch: DispatchDeps,
  /** Asks, each time: an answer that is shared may be older than the gap that it mends. */
  podiumStatus: () => Promise<Verdict>,
  { signer, jobWatch }: { readonly signer: FrameSigner; readonly jobWatch: JobWatch },
): StreamRoom {
  const { config, clock, log } = options;
  const faults = new FrameFaults((counts: FaultCounts) => {
    log.warn("podium_stream", { message: "frames of Podium's could not be passed on", ...counts });
    upstream.ignored(counts);
  });
  const { types, history } = config.stream;
  const hub = new Hub({ clock, types, history, onGarbage: () => faults.note("garbage") });
  const clients = clientsOf(options);
  const status = askedSince(podiumStatus);
  const snapshot = askedSince(() => snapshotOf(hub, status));
  const upstream = gatewayStatus(hub, snapshot);
  const terminalStatuses = new Set(config.stream.terminal_statuses);
  const append = (draft: Draft): Promise<unknown> => dispatch.log.append(draft);
  const follow = followTelemetry({ watch: jobWatch, append, redact: signer.redact, terminalStatuses });
  const asking: UnheardDeps = {
    jobs: dispatch.jobs,
    watch: jobWatch,
    append,
    terminalStatuses,
    async podiumStatus() {
      const verdict = await status();
      return verdict.kind === "accepted" ? verdict.json : undefined;
    },
    flushed: () => telemetry.flushed(),
  };
  const questions = questionsOf(asking);
  const logState = connectionLog(log, clock);
  const telemetry = new Telemetry({
    url: config.podium.ws_url,
    get signer() {
      return signer.stream;
    },
    onFrame(text) {
      const event = hub.publish(text);
      if (!event) return;
      follow(event);
      questions.heard(event);
    },
    onState(state, detail) {
      logState(state, detail);
      upstream.change(state, detail);
      if (state === "connected") questions.begin();
      else questions.pause();
    },
    onFault: (fault) => faults.note(fault),
    onRenewed(seamless) {
      log.info("podium_stream", { state: "renewed", seamless });
      upstream.renewed(seamless);
      if (!seamless) questions.begin();
    },
  });
  const context: StreamContext = {
    hub,
    clients,
    queueBytesMax: config.stream.client_queue_bytes_max,
    terminalStatuses,
    gatewayStatus: upstream.current,
    snapshot,
  };
  return { hub, clients, telemetry, context, faults, questions };
}
