import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import { join } from "node:path";
import { measureAudit } from "./audit.ts";
import type { Budget } from "./budget.ts";
import { budgetOf } from "./budget.ts";
import { measureDispatch } from "./dispatch.ts";
import { measureGrowth } from "./growth.ts";
import { measureHalt } from "./halt.ts";
import { buildHello, buildOurs } from "./ours.ts";
import { markdown, note } from "./report.ts";
import type { Scene } from "./scene.ts";
import { sceneOf } from "./scene.ts";
import { measureStart } from "./start.ts";
import { measureStream } from "./stream.ts";
import { endAll, Worker } from "./worker.ts";

/**
 * `bun run bench [--quick] [--only=dispatch,stream,…]`: side by side with the limit and with what users had, on loopback.
 * Prints a table and writes it to dist/bench.md. Exits non-zero only when something could not be measured.
 */

const sections: Readonly<Record<string, (scene: Scene, budget: Budget) => Promise<void>>> = {
  dispatch: measureDispatch,
  halt: measureHalt,
  audit: measureAudit,
  start: measureStart,
  growth: measureGrowth,
  // Last: how long it takes depends on the machine most, and it makes do with what is left.
  stream: measureStream,
};

const quick = process.argv.includes("--quick");
const only = process.argv
  .find((arg) => arg.startsWith("--only="))
  ?.slice(7)
  .split(",");
const budget = budgetOf(quick);
const folder = mkdtempSync(join(process.env["BENCH_DIR"] ?? os.tmpdir(), "roxy-bench-"));
const failures: string[] = [];

function end(): never {
  endAll();
  rmSync(folder, { recursive: true, force: true });
  const out = join(import.meta.dir, "../../dist");
  mkdirSync(out, { recursive: true });
  writeFileSync(join(out, "bench.md"), markdown(machine()));
  for (const failure of failures) console.error(`Could not measure: ${failure}`);
  process.exit(failures.length === 0 ? 0 : 1);
}

function machine(): string {
  const cpus = os.cpus();
  const load = os
    .loadavg()
    .map((value) => value.toFixed(1))
    .join(", ");
  return (
    `${cpus.length} × ${cpus[0]?.model ?? "?"}, ${(os.totalmem() / 1e9).toFixed(0)} GB, ${os.type()} ${os.release()}, ` +
    `Bun ${Bun.version}; load average ${load}; ${new Date().toISOString()}${quick ? "; --quick" : ""}. ` +
    "Medians of interleaved rounds, in brackets the least and the most; ratios are taken within a round."
  );
}

setTimeout(
  () => {
    failures.push("the time was up before the end");
    end();
  },
  budget.secondsLeft() * 1000 + 15_000,
).unref();
process.on("SIGINT", end);

try {
  const [binary, hello] = await Promise.all([buildOurs(folder), buildHello(folder)]);
  const scene = sceneOf({ folder, binary, hello, podium: await Worker.start("podium.ts") });
  if (scene.pythonMissing !== undefined) note(`${scene.pythonMissing}: the earlier stack is left out.`);
  for (const [name, measure] of Object.entries(sections)) {
    if (only && !only.includes(name)) continue;
    if (budget.secondsLeft() < 5) {
      failures.push(`${name}: no time was left for it`);
      continue;
    }
    try {
      await measure(scene, budget);
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
} catch (error) {
  failures.push(error instanceof Error ? error.message : String(error));
}
end();
