import type { Registry } from "prom-client";
import Counter from "prom-client/lib/counter.js";
import Gauge from "prom-client/lib/gauge.js";

/** What is looked up when somebody asks, and costs nothing until then. */
export interface Readings {
  readonly version: string;
  readonly commit: string;
  readonly runtime: string;
  /** Seconds since the Unix epoch. */
  readonly startedAtS: number;
  readonly ready: () => boolean;
  readonly lane: () => { readonly inFlight: number; readonly waiting: number };
  readonly audit: () => { readonly seq: number; readonly checkpointSize: number; readonly open: boolean };
  /** Bytes left where the log lies; undefined when the file system does not say. */
  readonly diskFreeBytes: () => number | undefined;
  readonly diskReserveBytes: number;
  readonly stream: () => { readonly clients: number; readonly frames: number; readonly dropped: number };
  readonly upstream: () => string;
  /** Podium's frames that could not be passed on, by reason. */
  readonly ignored: () => Readonly<Record<string, number>>;
}

const upstreamStates = ["connecting", "connected", "disconnected"];

export function registerReadings(registry: Registry, readings: Readings): void {
  const gauge = (name: string, help: string, value: () => number | undefined): void => {
    const made: Gauge = new Gauge({
      name,
      help,
      registers: [registry],
      collect: () => made.set(value() ?? Number.NaN),
    });
  };
  const counter = (name: string, help: string, value: () => number): void => {
    const made: Counter = new Counter({
      name,
      help,
      registers: [registry],
      collect() {
        made.reset();
        made.inc(value());
      },
    });
  };
  gauge("roxy_start_time_seconds", "When this process started", () => readings.startedAtS);
  gauge("roxy_ready", "1 when a dispatch can be taken", () => Number(readings.ready()));
  gauge("roxy_lane_in_flight", "Dispatches on their way to Podium", () => readings.lane().inFlight);
  gauge("roxy_lane_waiting", "Dispatches that wait for their turn", () => readings.lane().waiting);
  gauge("roxy_audit_seq", "Number of the last durable record", () => readings.audit().seq);
  gauge("roxy_audit_checkpoint_size", "Records under the newest signature", () => readings.audit().checkpointSize);
  gauge("roxy_audit_open", "1 while the log can be written", () => Number(readings.audit().open));
  gauge("roxy_audit_disk_free_bytes", "Bytes left on the log's file system", readings.diskFreeBytes);
  gauge("roxy_audit_disk_reserve_bytes", "Below this, dispatches are refused", () => readings.diskReserveBytes);
  gauge("roxy_stream_clients", "Connected stream clients", () => readings.stream().clients);
  counter("roxy_stream_frames_total", "Podium's frames passed on", () => readings.stream().frames);
  counter("roxy_stream_dropped_clients_total", "Clients closed because they read too slowly", () => {
    return readings.stream().dropped;
  });
  const ignored: Counter = new Counter({
    name: "roxy_stream_ignored_frames_total",
    help: "Podium's frames that could not be passed on",
    labelNames: ["reason"],
    registers: [registry],
    collect() {
      ignored.reset();
      for (const [reason, count] of Object.entries(readings.ignored())) ignored.inc({ reason }, count);
    },
  });
  registerStates(registry, readings);
}

function registerStates(registry: Registry, { upstream, version, commit, runtime }: Readings): void {
  const state: Gauge = new Gauge({
    name: "roxy_upstream_state",
    help: "1 for the state that the connection to Podium's telemetry is in",
    labelNames: ["state"],
    registers: [registry],
    collect() {
      for (const one of upstreamStates) state.set({ state: one }, Number(upstream() === one));
    },
  });
  new Gauge({
    name: "roxy_build_info",
    help: "Always 1; what runs is in the labels",
    labelNames: ["version", "commit", "runtime"],
    registers: [registry],
  }).set({ version, commit, runtime }, 1);
}
