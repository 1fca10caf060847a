import type { Budget } from "./budget.ts";
import { ratios, spreadOf, takeTurns } from "./measure.ts";
import type { Ours } from "./ours.ts";
import { startOurs } from "./ours.ts";
import { begin, note, tell, units } from "./report.ts";
import type { Scene } from "./scene.ts";
import { Worker } from "./worker.ts";

/** Whether a dispatch gets dearer, or the program larger, as its log grows: the same load over logs of any length. */

interface Measured {
  readonly p50Us: number;
  readonly rss: number;
}

export async function measureGrowth(scene: Scene, budget: Budget): Promise<void> {
  begin("Growth");
  const logs = await logsOf(scene, budget);
  const callers = await Worker.start("callers.ts");
  const gateways: Record<string, Ours> = {};
  for (const [name, root] of Object.entries(logs)) gateways[name] = await startOurs({ ...scene.ours(name), root });
  const one = (gateway: Ours) => load(callers, gateway, 1, budget.of(700, 250));
  for (const gateway of Object.values(gateways)) await load(callers, gateway, 32, budget.of(1500, 500));
  const turns = await takeTurns(
    budget.of(5, 2),
    Object.fromEntries(Object.entries(gateways).map(([name, gateway]) => [name, () => one(gateway)])),
  );
  const [first, ...rest] = Object.keys(turns) as [string, ...string[]];
  const of = (name: string, key: keyof Measured): number[] => turns[name]!.map((measured) => measured[key]);
  for (const name of rest) {
    tell({
      what: `dispatch p50, ${name}`,
      ours: units.us(spreadOf(of(name, "p50Us"))),
      against: `${first} ${units.us(spreadOf(of(first, "p50Us")))}`,
      ratio: ratios(of(name, "p50Us"), of(first, "p50Us")),
      goal: { atMost: 1.25 },
    });
    tell({
      what: `resident, ${name} (ready after ${(gateways[name]!.startMs / 1000).toFixed(1)} s)`,
      ours: units.mb(spreadOf(of(name, "rss"))),
      against: `${first} ${units.mb(spreadOf(of(first, "rss")))}`,
      ratio: ratios(of(name, "rss"), of(first, "rss")),
    });
  }
  await Promise.all([callers.stop(), ...Object.values(gateways).map((gateway) => gateway.process.stop())]);
}

/** Shortest first: the others are compared with it. */
async function logsOf(scene: Scene, budget: Budget): Promise<Record<string, string>> {
  const logs: Record<string, string> = {};
  const sizes = { "10³ records": 1e3, "10⁴ records": 1e4, ...(!budget.quick && { "10⁵ records": 1e5 }) };
  for (const [name, records] of Object.entries(sizes)) {
    logs[name] = (await scene.newLog(String(records), 1, records)).root;
  }
  if (budget.quick) note("A quick run grows the log to 2 · 10⁵ records, not 10⁶.");
  logs[`${budget.of("10⁶", "2 · 10⁵")} records in one day`] = await scene.denseLog(budget);
  const old = await scene.oldLog(budget);
  logs[`${old.days} days, ${(old.records / 1e6).toFixed(1)} · 10⁶ records`] = old.root;
  return logs;
}

async function load(callers: Worker, { port, process: gateway }: Ours, count: number, ms: number): Promise<Measured> {
  const path = "/api/orchestrator/dispatch";
  const answer = await callers.ask<{ p50Us: number; wrong?: string }>({ port, path, callers: count, warmMs: 100, ms });
  if (answer.wrong !== undefined) throw new Error(answer.wrong);
  return { p50Us: answer.p50Us, rss: gateway.rss() };
}
