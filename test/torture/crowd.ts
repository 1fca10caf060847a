import { readFileSync } from "node:fs";
import net from "node:net";
import { join } from "node:path";
import type { Child } from "../e2e/child.ts";
import { startChild } from "../e2e/child.ts";
import type { Gateway, Launcher } from "../e2e/launcher.ts";
import { binaryLauncher, bunLauncher, removeRoot, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import type { StalledClient } from "../e2e/stalled-client.ts";
import { stallOn } from "../e2e/stalled-client.ts";

/** What users run, where it has been built; the source, said aloud, where it has not. */
export function launcherForUsers(): Launcher {
  if (binaryLauncher.missing === undefined) return binaryLauncher;
  console.log(`SAID ALOUD: from source, not the binary: ${binaryLauncher.missing}`);
  return bunLauncher;
}

const wanted = 10_000;

/** Two processes hold a descriptor for each client, and need some for themselves. */
export function crowdSize(): number {
  const allowed = Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))![1]);
  // The gateway leaves a third to those who say something, and there are slow ones beside the crowd.
  const clients = Math.min(wanted, Math.floor((allowed * 2) / 3) - 10);
  if (clients < wanted)
    console.log(`SAID ALOUD: ${clients} clients, not ${wanted}: ${allowed} descriptors are allowed`);
  return clients;
}

export interface Stage {
  readonly podium: PodiumStub;
  readonly gateway: Gateway;
  close(): Promise<void>;
}

/** A gateway with room for a crowd and a small queue for each of it. */
export async function openStage(): Promise<Stage> {
  const podium = await PodiumStub.start();
  const gateway = await startGateway(launcherForUsers(), {
    podiumUrl: podium.url,
    settings: { "stream.clients_per_address_max": "20000", "stream.client_queue_bytes_max": "65536" },
  });
  await podium.telemetry();
  const close = async (): Promise<void> => {
    await gateway.kill();
    await podium.down();
    removeRoot(gateway.root);
  };
  return { podium, gateway, close };
}

/** Resident memory of the gateway. */
export function rssMb({ child }: Gateway): number {
  return Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, "utf8"))![1]) / 1024;
}

export interface Round {
  readonly received: number;
  /** Frames out of order or missing, and broken connections, since the start. */
  readonly faults: number;
  readonly p50: number;
  readonly p99: number;
}

export interface CrowdRun {
  readonly calm: readonly Round[];
  /** With one client that never reads and one that reads a byte a second. */
  readonly uneasy: readonly Round[];
  /** Slow ones that were dropped: the one that never reads and the one that hardly does, once a pair. */
  readonly dropped: number;
}

export const framesPerRound = 8;
/** Time for a frame to reach everybody on a small machine: the delay of one is not the next one's. */
const everyMs = 300;

/** The same crowd hears the same number of frames, in turns without and with slow ones among it. */
export async function crowd({ podium, gateway }: Stage, clients: number, pairs: number): Promise<CrowdRun> {
  const script = join(import.meta.dirname, "crowd-client.ts");
  const args = [`${gateway.wsUrl}/api/orchestrator/stream?types=QUEUE_UPDATE`, String(clients), String(framesPerRound)];
  const child = startChild([process.execPath, script, ...args], { cwd: gateway.root, env: { PATH: "/usr/bin:/bin" } });
  const calm: Round[] = [];
  const uneasy: Round[] = [];
  const before = await droppedBy(gateway);
  try {
    await child.line((line) => (line.includes('"connected"') ? true : undefined), "everybody is connected");
    for (let pair = 0; pair < pairs; pair++) {
      calm.push(await round(podium, child, 2 * pair));
      const slow = await slowOnes(gateway);
      uneasy.push(await round(podium, child, 2 * pair + 1));
      for (const each of slow) each.destroy();
    }
  } finally {
    child.kill("SIGKILL");
    await child.ended;
  }
  return { calm, uneasy, dropped: (await droppedBy(gateway)) - before };
}

async function droppedBy({ baseUrl }: Gateway): Promise<number> {
  const text = await (await fetch(`${baseUrl}/metrics`)).text();
  return Number(/^roxy_stream_dropped_clients_total (\d+)$/m.exec(text)![1]);
}

/** Beside each frame of the crowd's, 3 MB that only the slow ones asked for: 24 MB a round, far more than two kernels hold. */
const bigPerFrame = 6;
const big = JSON.stringify({ type: "AGENT_STATUS", filler: "x".repeat(500_000) });

async function round(podium: PodiumStub, child: Child, number: number): Promise<Round> {
  for (let n = 1; n <= framesPerRound; n++) {
    const t = performance.timeOrigin + performance.now();
    podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", round: number, n, t }));
    for (let i = 0; i < bigPerFrame; i++) podium.emit(big);
    // The rhythm of the frames is the load itself; nothing is waited for.
    await Bun.sleep(everyMs);
  }
  const mine = `{"round":${number},`;
  return child.line((line) => (line.startsWith(mine) ? (JSON.parse(line) as Round) : undefined), "everybody's report");
}

async function slowOnes({ baseUrl }: Gateway): Promise<Pick<StalledClient, "destroy">[]> {
  const path = "/api/orchestrator/stream";
  return [await stallOn(baseUrl, path, "websocket"), await dripping(baseUrl, path)];
}

/** Reads a byte a second, from the handshake on. */
async function dripping(baseUrl: string, path: string): Promise<Pick<StalledClient, "destroy">> {
  const { hostname, port, host } = new URL(baseUrl);
  const socket = net.connect({ host: hostname, port: Number(port) });
  socket.on("error", () => {});
  socket.write(
    `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
      "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
  );
  await new Promise<void>((resolve) => socket.once("readable", () => resolve()));
  const drip = setInterval(() => socket.read(1), 1000);
  return {
    destroy() {
      clearInterval(drip);
      socket.destroy();
    },
  };
}

/** How much slower the others were with slow ones among them: by pair, the least first. */
export function p99Ratios({ calm, uneasy }: CrowdRun): number[] {
  return uneasy.map(({ p99 }, i) => Math.round((100 * p99) / calm[i]!.p99) / 100).toSorted((a, b) => a - b);
}
