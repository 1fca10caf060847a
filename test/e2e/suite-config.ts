import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { startChild } from "./child.ts";
import type { Launcher } from "./launcher.ts";
import { environment, listeningUrl, makeRoot, plannedRoot } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import { newStory, useScene } from "./scene.ts";

/** What a user with another Podium would write. */
const file = `{
  // Our Podium has a route of its own for the emergency stop.
  "podium": {
    "routes": {
      "halt": { "method": "POST", "path": "/api/emergency", "body": { "type": "STOP_ALL", "hard": true } },
      "enqueue_story": { "method": "POST", "path": "/api/stories", "body": { "id": "{story_id}" } },
    },
  },
  "limits": { "dispatch_per_minute": 2, "story_cooldown_s": 0 },
  "stream": { "types": ["COMMAND_RESULT"] },
}
`;

export function configSuite(launcher: Launcher): void {
  describe("a configuration file", () => {
    const root = plannedRoot();
    beforeAll(() => {
      makeRoot(root);
      writeFileSync(`${root}/mine.jsonc`, file, { mode: 0o600 });
      writeFileSync(`${root}/roxy-core.jsonc`, '{ "limits": { "dispatch_per_minute": 1 } }', { mode: 0o600 });
    });
    const scene = useScene(launcher, { root, defaultLimits: true, args: ["--config", `${root}/mine.jsonc`] });

    test("--config overrides: routes, limits and stream types are the file's", async () => {
      expect((await scene.dispatch({ action: "halt" })).status).toBe(200);
      expect((await scene.enqueue("STORY-A")).status).toBe(200);
      expect((await scene.enqueue("STORY-A")).status).toBe(200);
      const seen = scene.podium.commands.map(({ path, body }) => [path, JSON.parse(body)]);
      expect(seen).toEqual([
        ["/api/emergency", { type: "STOP_ALL", hard: true }],
        ["/api/stories", { id: "STORY-A" }],
        ["/api/stories", { id: "STORY-A" }],
      ]);
      expectProblem(await scene.enqueue(newStory()), { status: 429, code: "rate_limited", retry: "safe" });
      const listening = scene.gateway.logged().find(({ event }) => event === "listening");
      expect(listening.config).toBe(`${root}/mine.jsonc`);
    });

    test("the stream passes the wanted types only", async () => {
      await scene.podium.telemetry();
      const client = await scene.socket("/api/orchestrator/stream");
      await client.frame(({ type }) => type === "GATEWAY_STATUS", "the first word");
      scene.podium.emit('{"type":"QUEUE_UPDATE"}');
      scene.podium.emit('{"type":"COMMAND_RESULT"}');
      await client.frame(({ type }) => type === "COMMAND_RESULT", "the wanted frame");
      expect(client.texts(["QUEUE_UPDATE"])).toEqual([]);
    });

    test("without --config the file in the root folder counts", async () => {
      // The minute has one dispatch in it at least.
      await scene.enqueue(newStory());
      await scene.restart("stop", { args: [] });
      const listening = scene.gateway.logged().find(({ event }) => event === "listening");
      expect(listening.config).toBe(`${root}/roxy-core.jsonc`);
      expect((await scene.enqueue(newStory())).status).toBe(429);
      expect((await scene.dispatch({ action: "halt" })).status).toBe(200);
      expect(scene.podium.commands.at(-1)?.path).toBe("/api/command");
    });
  });

  describe("the environment", () => {
    const scene = useScene(launcher);
    test("the names already in use on the user's machine are honoured", async () => {
      const { url } = scene.podium;
      const env = { ROXY_PODIUM_BASE_URL: url, ROXY_PODIUM_WS: `${url.replace("http", "ws")}/telemetry` };
      // The flag that the suite starts everything with would win: this one comes without it.
      await scene.gateway.stop();
      await scene.podium.until(({ sockets }) => sockets.length === 0 || undefined, "the old socket to go");
      const child = startChild([...launcher.command, "serve", "--port", "0"], {
        env: environment(scene.gateway.root, env),
      });
      try {
        await listeningUrl(child);
        await scene.podium.telemetry();
        expect(scene.podium.upgrades.at(-1)!.path).toBe("/telemetry");
      } finally {
        child.kill("SIGKILL");
        await child.ended;
      }
    });
  });
}
