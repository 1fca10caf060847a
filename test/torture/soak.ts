/**
 * Streams under churn: clients come and go over both transports while Podium talks, restarts and goes silent. Memory must
 * not grow with time.
 *   bun test/torture/soak.ts [SECONDS]     two minutes unless said otherwise
 */
import { readFileSync } from "node:fs";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, removeRoot, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";

/** Clients that are connected at a time; each lives some hundred milliseconds. */
const clientsMax = 200;
const stepMs = 50;

export interface Soaked {
  readonly connections: number;
  readonly frames: number;
  readonly rssMb: readonly number[];
}

export async function soak(seconds: number): Promise<Soaked> {
  const podium = await PodiumStub.start();
  const gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, settings: { "stream.history": "200" } });
  try {
    await podium.telemetry();
    return await churn(podium, gateway, seconds);
  } finally {
    await gateway.kill();
    await podium.down();
    removeRoot(gateway.root);
  }
}

async function churn(podium: PodiumStub, gateway: Gateway, seconds: number): Promise<Soaked> {
  const steps = (seconds * 1000) / stepMs;
  const open: (() => void)[] = [];
  const rssMb: number[] = [];
  let connections = 0;
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < 10; i++, connections++)
      open.push(connections % 3 === 0 ? eventSource(gateway) : webSocket(gateway));
    while (open.length > clientsMax) open.shift()!();
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", step, filler: "x".repeat(2000) }));
    if (step % 200 === 199) (await podium.telemetry()).drop();
    if (step % Math.ceil(steps / 12) === 0) rssMb.push(rssOf(gateway));
    // The rhythm is the load itself; nothing is waited for.
    await Bun.sleep(stepMs);
  }
  for (const close of open) close();
  rssMb.push(rssOf(gateway));
  return { connections, frames: steps, rssMb };
}

function webSocket({ wsUrl }: Gateway): () => void {
  const socket = new WebSocket(`${wsUrl}/api/orchestrator/stream`);
  socket.onerror = () => {};
  return () => socket.close();
}

function eventSource({ baseUrl }: Gateway): () => void {
  const abort = new AbortController();
  const read = async (): Promise<void> => {
    const { body } = await fetch(`${baseUrl}/api/orchestrator/events`, { signal: abort.signal });
    for await (const _ of body ?? []) if (abort.signal.aborted) return;
  };
  read().catch(() => {});
  return () => abort.abort();
}

function rssOf({ child }: Gateway): number {
  return Math.round(Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) / 1024);
}

/** Steady: the last third holds no more than the second third did, and some room for the collector's moods. */
export function isSteady({ rssMb }: Soaked): boolean {
  const third = Math.floor(rssMb.length / 3);
  const middle = Math.max(...rssMb.slice(third, 2 * third));
  return Math.max(...rssMb.slice(2 * third)) <= middle * 1.25 + 16;
}

if (import.meta.main) {
  const result = await soak(Number(process.argv[2] ?? 120));
  process.stdout.write(`${JSON.stringify({ ...result, steady: isSteady(result) })}\n`);
  process.exit(isSteady(result) ? 0 : 1);
}
