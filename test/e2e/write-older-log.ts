import path from "node:path";
import { startGateway } from "../../src/cli/gateway.ts";
import { loadConfig } from "../../src/config/load.ts";
import { silentLog } from "../../src/lib/log.ts";
import { PodiumStub, reply } from "./podium-stub.ts";
import type { Json } from "./http-client.ts";
import { runtime } from "#runtime";

/**
 * `bun test/e2e/write-older-log.ts FOLDER`: writes a log with this version of the program, for later versions to open: two
 * days, every kind of end that a dispatch can have, and what Podium said afterwards. Made once for each version whose
 * records differ from those before.
 */
const root = path.resolve(process.argv[2]!);
const podium = await PodiumStub.start();

async function day(
  date: string,
  work: (ask: (body: Json, key?: string) => Promise<Json>) => Promise<void>,
): Promise<void> {
  const [from, startedAt] = [Date.parse(date), performance.now()];
  const clock = { now: () => Math.floor(from + performance.now() - startedAt), monotonic: () => performance.now() };
  const settings = { "listen.port": "0", "podium.url": podium.url, "limits.story_cooldown_s": "0", services: "[]" };
  const { config } = loadConfig({
    env: { ROXY_ROOT: root },
    home: root,
    cwd: root,
    readText: () => undefined,
    args: { settings: Object.entries(settings).map(([key, value]) => ({ key, value })) },
  });
  const gateway = await startGateway({ runtime, config, secrets: {}, clock, log: silentLog });
  await work(async (body, key) => {
    const headers = { "content-type": "application/json", ...(key !== undefined && { "idempotency-key": key }) };
    const url = `http://127.0.0.1:${gateway.port}/api/orchestrator/dispatch`;
    const answer = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
    return answer.json();
  });
  await gateway.stop();
}

const enqueue = (story_id: string): Json => ({
  action: "enqueue_story",
  payload: { story_id },
  auth: { user_id: "mark" },
});

await day("2026-11-20T22:00:00Z", async (ask) => {
  await ask(enqueue("STORY-DONE"), "key-of-the-first-day");
  await podium.telemetry();
  podium.emit('{"type":"STORY_STATUS","storyId":"STORY-DONE","status":"in_progress"}');
  podium.emit('{"type":"STORY_STATUS","storyId":"STORY-DONE","status":"done"}');
  podium.next(reply.text('{"success":false,"error":"not eligible"}'));
  await ask(enqueue("STORY-REFUSED"));
  await ask({ action: "prepare_apply", payload: { plan_id: "SKOREQ-XXX", options: { dry: true } } });
  await ask({ action: "apply_plan", payload: { plan_id: "SKOREQ-XXX", nonce: "n-1" } });
});
await day("2026-11-21T08:00:00Z", async (ask) => {
  podium.next(reply.close());
  await ask(enqueue("STORY-UNKNOWN"), "key-of-an-unknown");
  await ask(enqueue("STORY-QUEUED"), "key-of-the-second-day");
  await ask({ action: "halt" });
});
await podium.down();
