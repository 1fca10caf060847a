import { spawnSync } from "node:child_process";
import { join } from "node:path";

/**
 * What takes too long for every day: `bun test/torture/audit.ts [ROUNDS] [SEED]`. A thousand kill -9 under load, in
 * folders of 50 rounds each, and EIO, ENOSPC and SIGKILL at every single system call that changes a file.
 */

const rounds = Number(process.argv[2] ?? 1000);
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 1e9));
const roundsEach = 50;

function run(file: string, env: Record<string, string>): void {
  const { status } = spawnSync(process.execPath, ["test", file], {
    stdio: "inherit",
    cwd: join(import.meta.dirname, "../.."),
    env: { ...process.env, ...env },
  });
  if (status !== 0) process.exit(1);
}

for (let done = 0; done < rounds; done += roundsEach) {
  run("./test/audit/kill.test.ts", {
    KILL_ROUNDS: String(Math.min(roundsEach, rounds - done)),
    SEED: String(seed + done),
  });
}
run("./test/audit/system-calls.test.ts", { TORTURE: "1" });
