import Registry from "prom-client/lib/registry.js";
import type { Instruments } from "./instruments.ts";
import { createInstruments } from "./instruments.ts";
import type { Readings } from "./readings.ts";
import { registerReadings } from "./readings.ts";

/** Everything that `/metrics` tells: counted where it happens, or looked up when somebody asks. */
export interface Metrics {
  readonly instruments: Instruments;
  /** Once, when there is something to look at. */
  readonly watch: (readings: Readings) => void;
  /** Prometheus text (exposition format 0.0.4). */
  readonly text: () => Promise<string>;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  return {
    instruments: createInstruments(registry),
    watch: (readings) => registerReadings(registry, readings),
    text: () => registry.metrics(),
  };
}
