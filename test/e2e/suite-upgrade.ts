import { beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, cpSync, lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import type { Launcher } from "./launcher.ts";
import { environment, makeRoot, plannedRoot, removeRoot, runCommand } from "./launcher.ts";
import { newStory, useScene } from "./scene.ts";

/** Written by 0.1.0 in November 2026 (`write-older-log.ts`), before records told their running time. Never changed. */
const olderLog = path.join(import.meta.dirname, "older-log");
const closed = "logs/orchestrator-audit-2026-11-20.0.jsonl";

/** A working folder whose log is the older one. Checkouts know no modes but executable, and the lock is always empty. */
function unpack(root: string): void {
  makeRoot(root);
  cpSync(olderLog, root, { recursive: true });
  writeFileSync(path.join(root, "logs/orchestrator-audit.lock"), "");
  for (const folder of ["logs", "keys"]) {
    chmodSync(path.join(root, folder), 0o700);
    for (const name of readdirSync(path.join(root, folder))) chmodSync(path.join(root, folder, name), 0o600);
  }
}

/** Every file with all that could have been touched: its bytes, its mode, when it was written. */
function snapshot(root: string): unknown {
  return ["logs", "keys"].flatMap((folder) =>
    readdirSync(path.join(root, folder))
      .toSorted()
      .map((name) => {
        const file = path.join(root, folder, name);
        const { mode, mtimeMs } = lstatSync(file);
        return [file, mode, mtimeMs, Bun.hash(readFileSync(file))];
      }),
  );
}

export function upgradeSuite(launcher: Launcher): void {
  describe("a log that an older version wrote", () => {
    const root = plannedRoot();
    beforeAll(() => unpack(root));
    // The fixture grows old; what it holds must not.
    const scene = useScene(launcher, { root, settings: { "audit.retention_days": "36500" } });

    test("is opened, and every job of it is as it was left", async () => {
      const told = async (jobId: string): Promise<unknown[]> => {
        const { status, json } = await scene.get(`/api/orchestrator/status/${jobId}`);
        expect(status).toBe(200);
        return [json.story_id ?? json.plan_id ?? json.action, json.status, json.podium_status, json.code, json.retry];
      };
      expect(await Promise.all(["001", "002", "003", "004"].map((n) => told(`JOB-20261120-${n}`)))).toEqual([
        ["STORY-DONE", "queued", "done", undefined, undefined],
        ["STORY-REFUSED", "rejected", null, "podium_rejected", "safe"],
        ["SKOREQ-XXX", "queued", null, undefined, undefined],
        ["SKOREQ-XXX", "queued", null, undefined, undefined],
      ]);
      expect(await Promise.all(["001", "002", "003"].map((n) => told(`JOB-20261121-${n}`)))).toEqual([
        ["STORY-UNKNOWN", "unknown", null, "podium_invalid_response", "same-key"],
        ["STORY-QUEUED", "queued", null, undefined, undefined],
        ["halt", "queued", null, undefined, undefined],
      ]);
      const listed = await scene.get("/api/orchestrator/jobs?day=2026-11-20");
      expect(listed.json.jobs).toHaveLength(4);
    });

    test("is gone on with: what was written stays to the byte, and the chain holds from the first record to the newest", async () => {
      const { json } = await scene.enqueue(newStory());
      expect(json.receipt.seq).toBeGreaterThan(20);
      expect(readFileSync(path.join(root, closed), "latin1")).toBe(readFileSync(path.join(olderLog, closed), "latin1"));
      const older = readFileSync(path.join(olderLog, "logs/orchestrator-audit.jsonl"), "latin1");
      const now = readdirSync(path.join(root, "logs")).filter((name) => name.endsWith(".jsonl"));
      const texts = now.map((name) => readFileSync(path.join(root, "logs", name), "latin1"));
      expect(texts.filter((text) => text.startsWith(older))).toHaveLength(1);
      const verified = await runCommand(launcher, ["audit", "verify", "--json"], { env: environment(root) });
      expect(verified.code).toBe(0);
      expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, firstSeq: 0, keyIsPinned: true });
      const proof = await scene.get(`/api/orchestrator/audit/${older.match(/AUD-\w{26}/)![0]}/proof`);
      expect(proof.status).toBe(200);
    });
  });

  test("a log that a newer version wrote ends the start with a clear word, and nothing is touched", async () => {
    const root = plannedRoot();
    unpack(root);
    for (const name of [closed, "logs/orchestrator-audit.jsonl"]) {
      const text = readFileSync(path.join(root, name), "utf8");
      writeFileSync(path.join(root, name), text.replaceAll('{"v":1,', '{"v":2,'));
    }
    const before = snapshot(root);
    for (const args of [
      ["serve", "--port", "0"],
      ["audit", "verify"],
    ]) {
      const { code, stdout, stderr } = await runCommand(launcher, args, { env: environment(root) });
      expect(code).toBe(1);
      expect(stdout + stderr).toContain("format version 2; this program knows 1");
      expect(stdout + stderr).toContain("Run the version of roxy-core that wrote it");
    }
    expect(snapshot(root)).toEqual(before);
    removeRoot(root);
  });
}
