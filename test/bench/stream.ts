import type { Budget } from "./budget.ts";
import { ratios, spreadOf, takeTurns } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { begin, note, tell, units } from "./report.ts";
import type { Scene } from "./scene.ts";
import type { Spawn } from "./worker.ts";
import { descriptorsMax, Worker } from "./worker.ts";

/** Streams: thousands of clients of one upstream, against a bare loop over the same sockets. */

interface Heard {
  readonly clients: number;
  readonly closed: number;
  readonly frames: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

interface Turn extends Heard {
  readonly perSecond: number;
  readonly share: number;
  readonly cpuUsEach: number;
}

/** One fan-out with its own crowd of clients, which stay connected between the rounds. */
interface Crowd {
  readonly name: string;
  /** What Podium knows it by; it talks to everybody when this is absent. */
  readonly who?: string;
  readonly server: Spawn;
  readonly port: number;
  readonly path: string;
  readonly clients: Worker;
  readonly rssEach: number;
}

const framesPerSecond = 50;
const crowdWanted = 5_000;

export async function measureStream(scene: Scene, budget: Budget): Promise<void> {
  begin("Stream");
  const crowdSize = Math.min(crowdWanted, descriptorsMax() - 200);
  if (crowdSize < crowdWanted) note(`The machine allows ${crowdSize} clients for each process, not ${crowdWanted}.`);
  const control = await Worker.start("fan-out.ts", scene.podium.ready.telemetryPort);
  const ours = await startOurs(scene.ours("stream"));
  const bare = { name: "bare fan-out", who: "bare", server: control, port: control.ready.port, path: "/" };
  const full = { name: "ours", who: "ours", server: ours.process, port: ours.port, path: "/api/orchestrator/stream" };
  await measureOne(scene, budget, bare, full);
  const crowds = { bare: await gather(bare, crowdSize), full: await gather(full, crowdSize) };
  await tellCrowds(scene, budget, crowds, crowdSize);
  await Promise.all(Object.values(crowds).flatMap(({ server, clients }) => [server.stop(), clients.stop()]));
}

type Place = Pick<Crowd, "name" | "who" | "server" | "port" | "path">;

async function gather(place: Place, count: number): Promise<Crowd> {
  const clients = await Worker.start("stream-clients.ts");
  await Bun.sleep(300);
  const before = place.server.rss();
  await clients.ask({ connect: { port: place.port, path: place.path, count } });
  await Bun.sleep(300);
  return { ...place, clients, rssEach: (place.server.rss() - before) / count };
}

/** Longest silence after which nothing more is expected: far above a pause of a loop over thousands of clients. */
const silenceMs = 1_000;
/** A crowd that is this far behind will not catch up within the bench's time. */
const patienceMs = 5_000;

/** Lets Podium talk for a while, waits until what was sent has arrived, and asks the clients what they heard. */
async function listen(scene: Scene, { who, server, clients }: Crowd, perSecond: number, ms: number): Promise<Turn> {
  const { clients: count, closed } = await clients.ask<Heard>({ mark: true });
  const cpu = server.cpuMs();
  const started = performance.now();
  const { sent } = await scene.podium.ask<{ sent: number }>({ frames: { perSecond, ms, to: who } });
  let heard = await clients.ask<Heard>({});
  let heardAt = performance.now();
  while (heard.frames < sent * count) {
    const now = performance.now();
    if (now - heardAt > silenceMs || now - started > ms + patienceMs) break;
    await Bun.sleep(10);
    const before = heard.frames;
    heard = await clients.ask<Heard>({});
    if (heard.frames > before) heardAt = performance.now();
  }
  if (heard.closed > closed) note(`${heard.closed - closed} clients were closed for reading too slowly.`);
  return {
    ...heard,
    perSecond: (heard.frames * 1000) / (heardAt - started),
    share: heard.frames / (sent * count),
    cpuUsEach: ((server.cpuMs() - cpu) * 1000) / heard.frames,
  };
}

async function measureOne(scene: Scene, budget: Budget, bare: Place, full: Place): Promise<void> {
  const crowds = { bare: await gather(bare, 1), full: await gather(full, 1) };
  const ms = budget.of(1500, 400);
  const one = (crowd: Crowd) => listen(scene, crowd, 200, ms);
  for (const crowd of Object.values(crowds)) await one(crowd);
  const turns = await takeTurns(budget.of(5, 2), { bare: () => one(crowds.bare), full: () => one(crowds.full) });
  tell({
    what: "frame in → frame out, one client, p50",
    ours: units.us(spreadOf(p50(turns.full))),
    against: `bare fan-out ${units.us(spreadOf(p50(turns.bare)))}`,
    ratio: ratios(p50(turns.full), p50(turns.bare)),
    goal: { atMost: 1.5 },
  });
  await Promise.all(Object.values(crowds).map(({ clients }) => clients.stop()));
}

const p50 = (turns: readonly Turn[]): number[] => turns.map(({ p50Us }) => p50Us);
const p99 = (turns: readonly Turn[]): number[] => turns.map(({ p99Us }) => p99Us);
const rate = (turns: readonly Turn[]): number[] => turns.map(({ perSecond }) => perSecond);
const cpu = (turns: readonly Turn[]): number[] => turns.map(({ cpuUsEach }) => cpuUsEach);

async function tellCrowds(
  scene: Scene,
  budget: Budget,
  crowds: Record<"bare" | "full", Crowd>,
  size: number,
): Promise<void> {
  const rounds = budget.secondsLeft() > 100 ? 5 : 2;
  const turns = (perSecond: number, ms: number) =>
    takeTurns(rounds, {
      bare: () => listen(scene, crowds.bare, perSecond, ms),
      full: () => listen(scene, crowds.full, perSecond, ms),
    });
  for (const crowd of Object.values(crowds)) await listen(scene, crowd, framesPerSecond, 300);
  const most = await turns(framesPerSecond, budget.of(1000, 500));
  tell({
    what: `delivered, ${size} clients × ${framesPerSecond} frames/s`,
    ours: units.perSecond(spreadOf(rate(most.full))),
    against: `bare fan-out ${units.perSecond(spreadOf(rate(most.bare)))}`,
    ratio: ratios(rate(most.full), rate(most.bare)),
    goal: { atLeast: 0.9 },
  });
  // Above what the machine can carry, every delay only tells how long the run was.
  const capacity = spreadOf(rate(most.bare)).median / size;
  const steady = Math.max(1, Math.min(framesPerSecond, Math.floor(capacity / 2)));
  if (steady < framesPerSecond) {
    note(
      `The bare fan-out carries ${capacity.toFixed(0)} frames/s to ${size} clients here: delays are measured at ${steady} frames/s.`,
    );
  }
  const { bare, full } = await turns(steady, budget.of(2000, 800));
  tell({
    what: `p99 from Podium to the client, ${steady} frames/s`,
    ours: units.us(spreadOf(p99(full))),
    against: `bare fan-out ${units.us(spreadOf(p99(bare)))}`,
    ratio: ratios(p99(full), p99(bare)),
    goal: { atMost: 1.25 },
  });
  tell({
    what: "CPU a delivered frame",
    ours: `${spreadOf(cpu(full)).median.toFixed(2)} µs`,
    against: `bare fan-out ${spreadOf(cpu(bare)).median.toFixed(2)} µs`,
    ratio: ratios(cpu(full), cpu(bare)),
  });
  const more = crowds.full.rssEach - crowds.bare.rssEach;
  tell({
    what: "resident for each client beyond the control's",
    ours: `${(crowds.full.rssEach / 1024).toFixed(1)} KiB`,
    against: `bare fan-out ${(crowds.bare.rssEach / 1024).toFixed(1)} KiB; 10 KB more`,
    ratio: spreadOf([more / 10_000]),
    goal: { atMost: 1 },
  });
  await tellEarlier(scene, budget, { size, perSecond: steady, p99UsMax: spreadOf(p99(full)).median });
}

/** How many clients the earlier stack serves before its p99 is worse than ours with the whole crowd. */
async function tellEarlier(
  scene: Scene,
  budget: Budget,
  { size, perSecond, p99UsMax }: { size: number; perSecond: number; p99UsMax: number },
): Promise<void> {
  if (scene.pythonMissing !== undefined) return;
  const { port, telemetryPort } = scene.podium.ready;
  const server = await Worker.start("earlier-stack.py", port, telemetryPort, `${scene.folder}/earlier-stream.jsonl`);
  const clients = await Worker.start("stream-clients.ts");
  let served = 0;
  let worst = NaN;
  const step = budget.of(50, 125);
  for (let count = step; count <= budget.of(500, 375); count += step) {
    await clients.ask({ connect: { port: server.ready.port, path: "/api/orchestrator/stream", count: step } });
    await Bun.sleep(200);
    const crowd: Crowd = { name: "earlier stack", server, port: 0, path: "", clients, rssEach: 0 };
    const heard = await listen(scene, crowd, perSecond, budget.of(1500, 600));
    worst = heard.p99Us;
    if (heard.share < 0.999 || heard.p99Us > p99UsMax) break;
    served = count;
  }
  tell({
    what: `clients at ${perSecond} frames/s and a p99 of at most ${(p99UsMax / 1000).toFixed(0)} ms`,
    ours: String(size),
    against: `earlier stack ${served}; with ${step} more its p99 is ${(worst / 1000).toFixed(0)} ms`,
    ratio: spreadOf([size / Math.max(served, 1)]),
    goal: { atLeast: 20 },
  });
  await Promise.all([server.stop(), clients.stop()]);
}
