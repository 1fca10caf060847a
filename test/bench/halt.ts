import type { Budget } from "./budget.ts";
import { spreadOf } from "./measure.ts";
import { startOurs } from "./ours.ts";
import { begin, tell, units } from "./report.ts";
import type { Scene } from "./scene.ts";

/** From a halt's request to its arrival at Podium, while one command hangs there and many wait behind it. */

const waitingCount = 100;

export async function measureHalt(scene: Scene, budget: Budget): Promise<void> {
  begin("Halt");
  const podium = hangingPodium();
  const settings = { "podium.max_in_flight": 1 };
  const ours = await startOurs({ ...scene.ours("halt"), podiumPort: podium.port, settings });
  const url = `http://127.0.0.1:${ours.port}/api/orchestrator`;
  const tookUs: number[] = [];
  let stories = 0;
  const enqueue = () => dispatch(url, { action: "enqueue_story", payload: { story_id: `HALT-${++stories}` } });
  const hanging = enqueue();
  const rounds = budget.of(20, 5);
  for (let round = 0; round < rounds; round++) {
    const waiting = Array.from({ length: waitingCount }, enqueue);
    await pending(url, waitingCount + 1);
    const arrived = podium.nextHalt();
    const startedAt = performance.now();
    const halted = dispatch(url, { action: "halt" });
    tookUs.push(((await arrived) - startedAt) * 1000);
    const statuses = await Promise.all(waiting);
    if ((await halted) !== 200 || statuses.some((status) => status !== 503))
      throw new Error(`halt: ${statuses.join()}`);
  }
  podium.release();
  await hanging;
  tell({
    what: "request to Podium",
    ours: `p50 ${units.us(spreadOf(tookUs))}`,
    against: `${waitingCount} waiting behind a hanging command, ${rounds} halts`,
  });
  await ours.process.stop();
  await podium.stop();
}

/** Its commands hang until `release`; halts are answered at once. */
function hangingPodium() {
  const gate = Promise.withResolvers<void>();
  let halt = Promise.withResolvers<number>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    async fetch(request) {
      const at = performance.now();
      if (request.method === "POST" && (await request.text()).includes('"HALT"')) halt.resolve(at);
      else if (request.method === "POST") await gate.promise;
      return Response.json({ success: true });
    },
  });
  return {
    port: server.port!,
    nextHalt: () => (halt = Promise.withResolvers<number>()).promise,
    release: () => gate.resolve(),
    stop: () => server.stop(true),
  };
}

async function dispatch(url: string, body: object): Promise<number> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${url}/dispatch`, { method: "POST", headers, body: JSON.stringify(body) });
  await response.arrayBuffer();
  return response.status;
}

/** Resolves when this many dispatches have an intent and no outcome. */
async function pending(url: string, count: number): Promise<void> {
  for (let tries = 0; tries < 1_000; tries++) {
    const { jobs } = (await (await fetch(`${url}/jobs?status=pending&limit=200`)).json()) as { jobs: unknown[] };
    if (jobs.length === count) return;
    await Bun.sleep(5);
  }
  throw new Error(`halt: ${count} dispatches never waited`);
}
