import { mkdirSync } from "node:fs";
import type { Budget } from "./budget.ts";
import { ratios, spreadOf, takeTurns } from "./measure.ts";
import { environment, serveCommand, startOurs } from "./ours.ts";
import { freePort } from "./ports.ts";
import { begin, note, tell, units } from "./report.ts";
import type { Scene } from "./scene.ts";
import { Spawn } from "./worker.ts";

/** Starting and doing nothing: what the program costs somebody who is not using it. */

interface Started {
  readonly ms: number;
  readonly rss: number;
}

export async function measureStart(scene: Scene, budget: Budget): Promise<void> {
  begin("Start and rest");
  const { root } = scene.ours("start");
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const idleMs = budget.of(1000, 400);
  const ours = (): Promise<Started> => {
    const port = freePort();
    return started(serveCommand(scene.ours("start"), port), port, idleMs, environment(root));
  };
  const hello = (): Promise<Started> => {
    const port = freePort();
    return started([scene.hello, String(port)], port, idleMs);
  };
  await ours();
  const turns = await takeTurns(budget.of(7, 2), { ours, hello });
  const ms = (runs: readonly Started[]): number[] => runs.map((run) => run.ms);
  const rss = (runs: readonly Started[]): number[] => runs.map((run) => run.rss);
  tell({
    what: "spawn → first 200 from /health",
    ours: units.ms(spreadOf(ms(turns.ours))),
    against: `compiled hello-world ${units.ms(spreadOf(ms(turns.hello)))}`,
    ratio: ratios(ms(turns.ours), ms(turns.hello)),
    goal: { atMost: 2 },
  });
  tell({
    what: `resident, ${idleMs} ms after`,
    ours: units.mb(spreadOf(rss(turns.ours))),
    against: `compiled hello-world ${units.mb(spreadOf(rss(turns.hello)))}`,
    ratio: ratios(rss(turns.ours), rss(turns.hello)),
    goal: { atMost: 2 },
  });
  await measureOldLog(scene, budget);
}

async function started(
  command: string[],
  port: number,
  idleMs: number,
  env: Record<string, string> = {},
): Promise<Started> {
  const from = performance.now();
  const spawned = new Spawn({ command, env, speaksOn: "stderr" });
  spawned.drain();
  await healthy(port, from);
  const ms = performance.now() - from;
  await Bun.sleep(idleMs);
  const rss = spawned.rss();
  await spawned.stop("SIGTERM");
  return { ms, rss };
}

/** Asks until it is answered: a refused connection costs some 30 µs, so the wait is found out to a millisecond. */
async function healthy(port: number, from: number): Promise<void> {
  while (performance.now() - from < 20_000) {
    try {
      const answer = await fetch(`http://127.0.0.1:${port}/health`);
      if (answer.ok) return;
    } catch {
      await Bun.sleep(1);
    }
  }
  throw new Error("no answer from /health within 20 s");
}

/** A start over a long log: the newest day is replayed, of older files only the ends are looked at. */
async function measureOldLog(scene: Scene, budget: Budget): Promise<void> {
  const { root, days, records } = await scene.oldLog(budget);
  if (days < 90) note(`The long log of a quick run has ${days} days of 14,400 dispatches, not 90.`);
  const startMs: number[] = [];
  for (let round = 0; round < budget.of(3, 2); round++) {
    const gateway = await startOurs({ ...scene.ours("start"), root });
    startMs.push(gateway.startMs);
    await gateway.process.stop("SIGTERM");
  }
  tell({
    what: `start over ${days} days of 14,400 dispatches`,
    ours: units.ms(spreadOf(startMs)),
    against: `2 s; ${records} records`,
    ratio: spreadOf(startMs.map((ms) => ms / 2000)),
    goal: { atMost: 1 },
  });
}
