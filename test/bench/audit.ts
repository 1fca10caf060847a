import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { Budget } from "./budget.ts";
import { ratios, spreadOf, takeTurns } from "./measure.ts";
import { environment } from "./ours.ts";
import { begin, tell, units } from "./report.ts";
import type { Scene } from "./scene.ts";
import { Worker } from "./worker.ts";

/** The audit log: what a record costs beyond its fdatasync, and what proving the log costs beyond reading it. */

interface Appended {
  readonly bare: number[];
  readonly offLoop: number[];
  readonly alone: number[];
  readonly perSync: number;
  readonly perSecond: number;
}

export async function measureAudit(scene: Scene, budget: Budget): Promise<void> {
  begin("Audit log");
  const worker = await Worker.start("audit-log.ts");
  const append = { root: join(scene.folder, "root-append"), rounds: budget.of(20, 8), each: budget.of(100, 60) };
  tellAppend(await worker.ask<Appended>({ append }));
  const root = await scene.denseLog(budget);
  await worker.stop();
  await measureVerify(scene, budget, root);
}

function tellAppend({ bare, offLoop, alone, perSync, perSecond }: Appended): void {
  tell({
    what: "append, one caller",
    ours: units.us(spreadOf(alone)),
    against: `write and fdatasync ${units.us(spreadOf(bare))}`,
    ratio: ratios(alone, bare),
    goal: { atMost: 1.3 },
  });
  tell({
    what: "append, one caller",
    ours: units.us(spreadOf(alone)),
    against: `the same off the event loop ${units.us(spreadOf(offLoop))}`,
    ratio: ratios(alone, offLoop),
  });
  tell({
    what: "records for each fdatasync, 32 callers",
    ours: units.perSecond(spreadOf([perSecond])),
    against: "–",
    ratio: spreadOf([perSync]),
    goal: { atLeast: 8 },
  });
}

interface Run {
  readonly ms: number;
  readonly rss: number;
}

async function measureVerify(scene: Scene, budget: Budget, root: string): Promise<void> {
  const dir = join(root, "logs");
  const paths = readdirSync(dir)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => join(dir, name));
  const bytes = paths.reduce((sum, path) => sum + Bun.file(path).size, 0);
  const turns = await takeTurns(budget.of(3, 2), {
    verify: () => runToEnd([scene.binary, "audit", "verify", dir], environment(root)),
    sum: () => runToEnd(["sha256sum", ...paths]),
  });
  const ms = (runs: readonly Run[]): number[] => runs.map((run) => run.ms);
  const rate = (runs: readonly Run[]): string => `${(bytes / spreadOf(ms(runs)).median / 1000).toFixed(0)} MB/s`;
  tell({
    what: `audit verify, ${(bytes / 1e6).toFixed(0)} MB`,
    ours: `${units.ms(spreadOf(ms(turns.verify)))}, ${rate(turns.verify)}`,
    against: `sha256sum ${units.ms(spreadOf(ms(turns.sum)))}, ${rate(turns.sum)}`,
    ratio: ratios(ms(turns.sum), ms(turns.verify)),
    goal: { atLeast: 0.5 },
  });
  const rss = spreadOf(turns.verify.map((run) => run.rss));
  tell({
    what: "audit verify, resident at most",
    ours: units.mb(rss),
    against: "150 MB",
    ratio: spreadOf([rss.most / 150e6]),
    goal: { atMost: 1 },
  });
}

/** From spawn to exit, as a user waits for it. @throws Error unless it exits with 0 */
async function runToEnd(command: string[], env: Record<string, string> = {}): Promise<Run> {
  const started = performance.now();
  const child = Bun.spawn(command, {
    stdout: "ignore",
    stderr: "ignore",
    env: { PATH: "/usr/bin:/bin", ...env },
  });
  let rss = 0;
  // The kernel's own high-water mark; a child's rusage would begin with what its parent had.
  const look = setInterval(() => (rss = Math.max(rss, highWater(child.pid))), 20);
  const code = await child.exited;
  clearInterval(look);
  if (code !== 0) throw new Error(`${command.slice(0, 3).join(" ")} exited with ${code}`);
  return { ms: performance.now() - started, rss };
}

function highWater(pid: number): number {
  try {
    return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
