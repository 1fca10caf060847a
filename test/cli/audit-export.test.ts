import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { closeSync, constants, openSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Draft } from "../../src/audit/record.ts";
import { bunLauncher, environment, plannedRoot, removeRoot } from "../e2e/launcher.ts";
import { makeLog } from "./audit-log.ts";

const root = plannedRoot();
/** Some 2 MB: many times what a pipe holds. */
const records = 5_000;

const rejected = (i: number, detail?: string): Draft => ({ event: "rejected", code: "rate_limited", count: i, detail });

beforeAll(() => makeLog(root, [Array.from({ length: records }, (_, i) => rejected(i))]));
afterAll(() => removeRoot(root));

test("audit export reaches a slow reader to its last line", () => {
  const command = `${bunLauncher.command.map((word) => `'${word}'`).join(" ")} audit export | (sleep 1; wc -l)`;
  const { stdout, exitCode } = Bun.spawnSync(["bash", "-c", `set -o pipefail; ${command}`], { env: environment(root) });
  expect(exitCode).toBe(0);
  // Genesis and close stand around them.
  expect(Number(stdout.toString())).toBe(records + 2);
});

/** The most that a process ever had in memory, in bytes: the kernel's own count. */
function highWater(pid: number): number {
  return Number(/^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) * 1024;
}

/** Resolves when the process has not grown for half a second: it waits for its reader, or is done. */
async function settled(pid: number): Promise<number> {
  let before = -1;
  let still = 0;
  while (still < 5) {
    const now = highWater(pid);
    still = now === before ? still + 1 : 0;
    before = now;
    await Bun.sleep(100);
  }
  return before;
}

const hasProc = process.platform === "linux";
if (!hasProc) process.stderr.write("SKIPPED, because there is no /proc: the memory of audit export\n");

test.skipIf(!hasProc)(
  "audit export to a reader that stands still gathers nothing in memory",
  async () => {
    const large = plannedRoot();
    const pipe = join(large, "pipe");
    const detail = "x".repeat(20_000);
    try {
      await makeLog(
        large,
        Array.from({ length: 60 }, () => Array.from({ length: 100 }, (_, i) => rejected(i, detail))),
      );
      const bytes = statSync(join(large, "logs/orchestrator-audit.jsonl")).size;
      expect(bytes).toBeGreaterThan(40_000_000);
      Bun.spawnSync(["mkfifo", pipe]);
      // Both ends, so that opening one waits for nobody.
      const both = openSync(pipe, constants.O_RDWR);
      const end = openSync(pipe, constants.O_WRONLY);
      const [program, ...args] = bunLauncher.command as [string, ...string[]];
      const child = spawn(program, [...args, "audit", "export"], {
        stdio: ["ignore", end, "inherit"],
        env: environment(large),
      });
      closeSync(end);
      const ended = new Promise((resolve) => child.once("exit", resolve));
      const most = await settled(child.pid!);
      const counting = spawn("wc", ["-c", pipe], { stdio: ["ignore", "pipe", "inherit"] });
      let counted = "";
      counting.stdout.on("data", (text: Buffer) => (counted += text.toString()));
      expect(await ended).toBe(0);
      closeSync(both);
      await new Promise((resolve) => counting.once("close", resolve));
      expect(Number.parseInt(counted, 10)).toBeGreaterThan(40_000_000);
      expect(most).toBeLessThan(120_000_000);
    } finally {
      removeRoot(large);
    }
  },
  60_000,
);
