/**
 * What needs time or a machine of its own, on the binary where there is one.
 *   bun test/torture/soak.ts [SECONDS]     two minutes unless said otherwise
 * First a crowd with slow ones among it: the others' p99 must not move. Then churn: clients come and go over both
 * transports while Podium talks, restarts and goes silent; memory must not grow with time, and clients to whom nothing is
 * ever said must stay connected.
 */
import net from "node:net";
import type { Gateway } from "../e2e/launcher.ts";
import { removeRoot, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { crowd, crowdSize, launcherForUsers, openStage, p99Ratios, rssMb } from "./crowd.ts";

/** Clients that are connected at a time; each lives some hundred milliseconds. */
const clientsMax = 200;
const stepMs = 50;
/** Clients over each transport that hear nothing but heartbeats, for longer than any idle timeout of the runtime's. */
const quietMax = 20;
/** Longer than any idle timeout of a runtime's; nothing but heartbeats is said in it. */
const quietS = 130;
/** What the others may be slower by with slow ones among them: the noise between two rounds of the same is as much. */
const p99RatioMax = 1.5;
const crowdPairs = 7;

export interface Soaked {
  readonly connections: number;
  readonly frames: number;
  readonly memoryMb: readonly number[];
  /** Quiet clients that were dropped. */
  readonly quietLost: number;
  /** Clients that the gateway still counts when only the quiet ones are left. */
  readonly leftBehind: number;
}

/** @param silentS seconds after the churn in which Podium says nothing and nobody comes or goes */
export async function soak(seconds: number, silentS = 0): Promise<Soaked> {
  const podium = await PodiumStub.start();
  const gateway = await startGateway(launcherForUsers(), {
    podiumUrl: podium.url,
    settings: { "stream.history": "200" },
  });
  try {
    await podium.telemetry();
    return await churn(podium, gateway, seconds, silentS);
  } finally {
    await gateway.kill();
    await podium.down();
    removeRoot(gateway.root);
  }
}

async function churn(podium: PodiumStub, gateway: Gateway, seconds: number, silentS: number): Promise<Soaked> {
  const steps = (seconds * 1000) / stepMs;
  const open: (() => void)[] = [];
  const memory: number[] = [];
  let connections = 0;
  let isOver = false;
  let quietLost = 0;
  const lost = (): void => void (quietLost += Number(!isOver));
  const quiet = Array.from({ length: quietMax }, () => [
    webSocket(gateway, "?types=NOTHING", lost),
    eventSource(gateway, "?types=NOTHING", lost),
  ]).flat();
  const ended = await endedJob(gateway);
  for (let step = 0; step < steps; step++) {
    for (let i = 0; i < 10; i++, connections++)
      open.push(connections % 3 === 0 ? eventSource(gateway) : webSocket(gateway));
    webSocket(gateway, `/${ended}`);
    reset(gateway);
    while (open.length > clientsMax) open.shift()!();
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", step, filler: "x".repeat(2000) }));
    if (step % 200 === 199) (await podium.telemetry()).drop();
    if (step % Math.ceil(steps / 12) === 0) memory.push(Math.round(rssMb(gateway)));
    // The rhythm is the load itself; nothing is waited for.
    await Bun.sleep(stepMs);
  }
  for (const close of open) close();
  memory.push(Math.round(rssMb(gateway)));
  await Bun.sleep(silentS * 1000);
  const leftBehind = await leftAfter(gateway, quiet.length);
  isOver = true;
  for (const close of quiet) close();
  return { connections, frames: steps, memoryMb: memory, quietLost, leftBehind };
}

/** A job whose stream ends in the moment in which it is opened. @returns its id */
async function endedJob({ baseUrl }: Gateway): Promise<string> {
  const body = JSON.stringify({ action: "halt", source: "soak", auth: { user_id: "soak" } });
  const headers = { "content-type": "application/json" };
  const answer = await fetch(`${baseUrl}/api/orchestrator/dispatch`, { method: "POST", headers, body });
  return ((await answer.json()) as { job_id: string }).job_id;
}

/** A client that is gone while it is being upgraded. */
function reset({ baseUrl }: Gateway): void {
  const { hostname, port, host } = new URL(baseUrl);
  const socket = net.connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  socket.write(
    `GET /api/orchestrator/stream HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
      "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    () => socket.resetAndDestroy(),
  );
}

/** Looks for some seconds whether everybody but the quiet ones is gone. */
async function leftAfter({ baseUrl }: Gateway, quiet: number): Promise<number> {
  let left = Infinity;
  for (let tries = 0; tries < 100 && left > 0; tries++) {
    const status = (await (await fetch(`${baseUrl}/api/orchestrator/status`)).json()) as {
      gateway: { stream: { clients: number } };
    };
    left = status.gateway.stream.clients - quiet;
    if (left > 0) await Bun.sleep(100);
  }
  return left;
}

function webSocket({ wsUrl }: Gateway, query = "", onEnd?: () => void): () => void {
  const socket = new WebSocket(`${wsUrl}/api/orchestrator/stream${query}`);
  socket.onerror = () => {};
  socket.onclose = () => onEnd?.();
  return () => socket.close();
}

function eventSource({ baseUrl }: Gateway, query = "", onEnd?: () => void): () => void {
  const abort = new AbortController();
  const read = async (): Promise<void> => {
    const { body } = await fetch(`${baseUrl}/api/orchestrator/events${query}`, { signal: abort.signal });
    for await (const _ of body ?? []) if (abort.signal.aborted) return;
  };
  read()
    .catch(() => {})
    .finally(() => onEnd?.());
  return () => abort.abort();
}

/** Steady: the last third holds no more than the second third did, and some room for the collector's moods. */
export function isSteady({ memoryMb }: Soaked): boolean {
  const third = Math.floor(memoryMb.length / 3);
  const middle = Math.max(...memoryMb.slice(third, 2 * third));
  return Math.max(...memoryMb.slice(2 * third)) <= middle * 1.25 + 16;
}

async function crowdRatio(): Promise<number> {
  const stage = await openStage();
  try {
    return p99Ratios(await crowd(stage, crowdSize(), crowdPairs))[crowdPairs >> 1]!;
  } finally {
    await stage.close();
  }
}

if (import.meta.main) {
  const ratio = await crowdRatio();
  process.stdout.write(`${JSON.stringify({ p99Ratio: ratio, p99RatioMax })}\n`);
  const result = await soak(Number(process.argv[2] ?? 120), quietS);
  const isGood = isSteady(result) && result.quietLost === 0 && result.leftBehind === 0;
  process.stdout.write(`${JSON.stringify({ ...result, steady: isSteady(result) })}\n`);
  process.exit(isGood && ratio <= p99RatioMax ? 0 : 1);
}
