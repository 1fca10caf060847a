import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { run, startChild } from "./child.ts";
import type { Json } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { environment, jsonLines, repository } from "./launcher.ts";
import type { Scene } from "./scene.ts";
import { newStory, useScene } from "./scene.ts";

const python = process.env["ROXY_TEST_PYTHON"] ?? "/usr/bin/python3";
const folder = `${repository}/test/e2e/python`;
const isThere = spawnSync(python, ["-c", "import requests, websocket"]).status === 0;

/** The clients that the user has already: requests and websocket-client, as Debian ships them. */
export function pythonSuite(launcher: Launcher): void {
  if (!isThere && process.env["CI"] === "true") {
    test("python3-requests and python3-websocket are there", () => {
      throw new Error(`${python} can't import requests and websocket`);
    });
    return;
  }
  if (!isThere) process.stderr.write(`SKIPPED: the Python clients: ${python} can't import requests and websocket\n`);
  describe.skipIf(!isThere)("the user's Python clients", () => {
    const scene = useScene(launcher);
    test("requests.post dispatches, and is told of an error in JSON", async () => {
      const good = await post(scene, newStory());
      expect(good).toMatchObject({ status: 200, body: { success: true, status: "queued" } });
      expect(scene.records(good.body.audit_id)[0]).toMatchObject({ source: "python" });
      const bad = await post(scene, "no/slash");
      expect(bad).toMatchObject({ status: 400, body: { success: false, code: "invalid_request", retry: "never" } });
    });

    test("a WebSocketApp gets Podium's frames unchanged, and a job's stream to its end", async () => {
      const { json } = await scene.enqueue(newStory());
      const story = scene.records(json.audit_id)[0].story_id;
      await scene.podium.telemetry();
      const all = watch(scene, "/api/orchestrator/stream");
      const one = watch(scene, `/api/orchestrator/stream/${json.job_id}`);
      for (const { child } of [all, one]) {
        await child.line((line) => (line.includes("GATEWAY_STATUS") ? true : undefined), "the first frame");
      }
      const frames = [
        `{"type":"QUEUE_UPDATE", "n":1.0}`,
        `{"type":"STORY_STATUS","storyId":"${story}", "status":"done"}`,
      ];
      for (const text of frames) scene.podium.emit(text);
      expect((await one.child.ended).code).toBe(0);
      expect(one.said().at(-1)).toEqual({ kind: "close", code: 1000 });
      expect(one.said().map(({ text }) => text)).toContain(frames[1]!);
      await all.child.line((line) => (line.includes('\\"done\\"') ? true : undefined), "the last frame");
      const got = all.said().map(({ text }) => text);
      expect(got.filter((text) => frames.includes(text))).toEqual(frames);
      all.child.kill("SIGKILL");
      await all.child.ended;
    });
  });
}

async function post({ gateway }: Scene, story: string): Promise<Json> {
  const ran = await run([python, `${folder}/dispatch.py`, gateway.baseUrl, story], { env: environment(gateway.root) });
  if (ran.code !== 0) throw new Error(ran.stderr);
  return JSON.parse(ran.stdout);
}

function watch({ gateway }: Scene, path: string) {
  const child = startChild([python, `${folder}/watch.py`, gateway.wsUrl + path], { env: environment(gateway.root) });
  return { child, said: (): Json[] => jsonLines(child.stdout()) };
}
