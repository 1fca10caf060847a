import { afterEach, jest } from "bun:test";
import type { StreamSigner, UpstreamState } from "../../src/podium/telemetry.ts";
import { Telemetry } from "../../src/podium/telemetry.ts";
import type { Behaviour, TelemetryServer } from "./raw-telemetry.ts";
import { telemetryServer } from "./raw-telemetry.ts";

export const secretToken = "s3cret-t0ken";

export interface Watched {
  readonly telemetry: Telemetry;
  readonly frames: string[];
  readonly states: string[];
  readonly faults: string[];
  /** Whether each renewal was seamless. */
  readonly renewals: boolean[];
  /** Resolves at the next state of this name. */
  state(wanted: UpstreamState): Promise<string>;
  frame(): Promise<string>;
  renewed(): Promise<boolean>;
}

export interface WatchOptions {
  readonly random?: () => number;
  readonly token?: () => Promise<string | undefined>;
  readonly ttlS?: number;
  readonly onFrame?: (text: string) => void;
  readonly onState?: (state: UpstreamState) => void;
}

const started: (() => unknown)[] = [];

/** To be called once in a test file: nothing stays behind. */
export function cleanUp(): void {
  afterEach(async () => {
    for (const stop of started.splice(0)) await stop();
    jest.useRealTimers();
  });
}

export async function serve(behaviour?: Behaviour): Promise<TelemetryServer> {
  const server = await telemetryServer(behaviour);
  started.push(() => server.stop());
  return server;
}

export function watch(url: string, { random = () => 0, token, ttlS, onFrame, onState }: WatchOptions = {}): Watched {
  const frames: string[] = [];
  const states: string[] = [];
  const faults: string[] = [];
  const renewals: boolean[] = [];
  const waiting: { wanted: string; resolve: (detail: string) => void }[] = [];
  let framed = Promise.withResolvers<string>();
  let renewed = Promise.withResolvers<boolean>();
  const signer: StreamSigner = { token: token ?? (() => Promise.resolve(secretToken)), ttlS };
  const telemetry = new Telemetry({
    url,
    signer,
    random,
    onFrame(text) {
      frames.push(text);
      framed.resolve(text);
      framed = Promise.withResolvers();
      onFrame?.(text);
    },
    onState(state, detail) {
      onState?.(state);
      states.push(detail === "" ? state : `${state}: ${detail}`);
      for (const each of waiting.splice(0)) {
        if (each.wanted === state) each.resolve(detail);
        else waiting.push(each);
      }
    },
    onFault: (fault) => void faults.push(fault),
    onRenewed(seamless) {
      renewals.push(seamless);
      renewed.resolve(seamless);
      renewed = Promise.withResolvers();
    },
  });
  started.unshift(() => telemetry.stop());
  const state = (wanted: UpstreamState): Promise<string> =>
    new Promise((resolve) => void waiting.push({ wanted, resolve }));
  return {
    telemetry,
    frames,
    states,
    faults,
    renewals,
    state,
    frame: () => framed.promise,
    renewed: () => renewed.promise,
  };
}
