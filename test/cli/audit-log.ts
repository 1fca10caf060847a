import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { AuditLog } from "../../src/audit/log.ts";
import type { Draft } from "../../src/audit/record.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "#runtime";

/** A log with these records, closed, where a gateway with this root would have it. */
export async function makeLog(folder: string, drafts: readonly Draft[][]): Promise<void> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const log = await AuditLog.open({
    files: runtime.files,
    sha256: runtime.sha256,
    clock: systemClock,
    log: silentLog,
    dir: join(folder, "logs"),
    keyFile: join(folder, "keys/audit-ed25519.key"),
    retentionDays: 90,
    diskReserveMb: 0,
    onFatal: () => {},
    version: "0.0.0",
  });
  for (const batch of drafts) await log.appendMany(batch);
  await log.close();
}
