import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { freePort } from "../e2e/free-port.ts";
import { call } from "../e2e/http-client.ts";
import { environment } from "../e2e/launcher.ts";
import { dispatchCall } from "../e2e/scene.ts";
import { eventually, patienceMs } from "../e2e/watch.ts";
import { commandLine, newRoot } from "./stage.ts";
import type { Terminal } from "./terminal.ts";
import { ctrlC } from "./terminal.ts";

setDefaultTimeout(3 * patienceMs);
const root = newRoot();
const alone = commandLine(environment(root));

async function startDemo(): Promise<{ demo: Terminal; url: string; screen: string; end(): Promise<void> }> {
  const [port, podiumPort] = [await freePort(), await freePort()];
  const demo = alone.terminal("demo", "--port", `${port}`, "--podium-port", `${podiumPort}`);
  const screen = await demo.shows("Ctrl-C stops both");
  const end = async (): Promise<void> => {
    demo.type(ctrlC);
    expect((await demo.ended).code).toBe(0);
  };
  return { demo, url: /roxy-core is open at (\S+),/.exec(screen)![1]!, screen, end };
}

test("on a terminal the orchestrator's log is as readable as the gateway's", async () => {
  const { demo, end } = await startDemo();
  await demo.shows(/^luno │ \d\d:\d\d:\d\d\.\d{3} info +luno_started .*url=http/m);
  await end();
  expect(demo.screen()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info +listening /m);
  expect(demo.screen()).not.toContain("│ {");
});

test("a story that is done can be begun again in the way that the welcome says", async () => {
  mkdirSync(`${root}/demo`, { mode: 0o700, recursive: true });
  writeFileSync(`${root}/demo/roxy-core.jsonc`, '{ "limits": { "story_cooldown_s": 0 } }', { mode: 0o600 });
  const first = await startDemo();
  const [, file] = /stop the demo, remove (\S+) and start it/.exec(first.screen)!;
  const enqueue = { action: "enqueue_story", payload: { story_id: "STORY-001" } };
  const { json } = await call(first.url, dispatchCall(enqueue));
  await eventually(async () => {
    const { json: job } = await call(first.url, { path: `/api/orchestrator/status/${json.job_id}` });
    return job.podium_status === "done" || undefined;
  }, "the story is done");
  await first.end();
  rmSync(file!);
  const second = await startDemo();
  expect((await call(second.url, dispatchCall(enqueue))).status).toBe(200);
  await second.end();
});
