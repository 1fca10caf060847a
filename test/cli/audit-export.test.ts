import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AuditLog } from "../../src/audit/log.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "#runtime";
import { bunLauncher, environment, plannedRoot, removeRoot } from "../e2e/launcher.ts";

const root = plannedRoot();
/** Some 2 MB: many times what a pipe holds. */
const records = 5_000;

beforeAll(async () => {
  mkdirSync(root, { mode: 0o700 });
  const log = await AuditLog.open({
    files: runtime.files,
    sha256: runtime.sha256,
    clock: systemClock,
    log: silentLog,
    dir: join(root, "logs"),
    keyFile: join(root, "keys/audit-ed25519.key"),
    retentionDays: 90,
    diskReserveMb: 0,
    onFatal: () => {},
    version: "0.0.0",
  });
  await log.appendMany(
    Array.from({ length: records }, (_, i) => ({ event: "rejected", code: "rate_limited", count: i })),
  );
  await log.close();
});
afterAll(() => removeRoot(root));

test("audit export reaches a slow reader to its last line", () => {
  const command = `${bunLauncher.command.map((word) => `'${word}'`).join(" ")} audit export | (sleep 1; wc -l)`;
  const { stdout, exitCode } = Bun.spawnSync(["bash", "-c", `set -o pipefail; ${command}`], { env: environment(root) });
  expect(exitCode).toBe(0);
  // Genesis and close stand around them.
  expect(Number(stdout.toString())).toBe(records + 2);
});
