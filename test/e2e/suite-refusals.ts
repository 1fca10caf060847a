import { beforeAll, describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import type { Answer } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { makeRoot, plannedRoot } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { dispatchCall, dispatchPath, enqueueBody, gate, newStory, useScene } from "./scene.ts";

export function refusalsSuite(launcher: Launcher): void {
  describe("the door", () => {
    const scene = useScene(launcher, {
      settings: { "listen.allowed_hosts": '["box.local"]', "listen.allowed_origins": '["http://panel.test:5173"]' },
    });
    hosts(scene);
    origins(scene);
    routes(scene);
  });
  limits(launcher);
  floods(launcher);
  queue(launcher);
  clientTokens(launcher);
}

const upgrade = {
  connection: "Upgrade",
  upgrade: "websocket",
  "sec-websocket-version": "13",
  "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
};
const streamPath = "/api/orchestrator/stream";

function hosts(scene: Scene): void {
  for (const host of ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test:8000", "8.8.8.8", ""]) {
    test(`the Host "${host}" is refused everywhere, with the setting that would allow it`, async () => {
      const headers = { host };
      for (const request of [
        dispatchCall(enqueueBody("S"), { headers }),
        { path: "/api/orchestrator/status", headers },
      ]) {
        const answer = await scene.call(request);
        // A server may refuse an empty Host by itself (RFC 9110 section 7.2).
        if (host === "" && answer.status === 400) continue;
        expectProblem(answer, { status: 403, code: "forbidden_host", retry: "never" });
        expect(answer.json.detail).toContain("listen.allowed_hosts");
      }
      expect(scene.podium.requests).toEqual([]);
    });
  }

  test("the names of this machine and the allowed ones are served", async () => {
    const { port } = scene.gateway;
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `LOCALHOST:${port}`, `[::1]:${port}`, "box.local"]) {
      expect((await scene.call({ path: "/health", headers: { host } })).status).toBe(200);
    }
  });
}

function origins(scene: Scene): void {
  for (const origin of ["http://evil.test", "null", "http://127.0.0.1:1", "https://panel.test:5173"]) {
    test(`a page of ${origin} may neither dispatch nor listen`, async () => {
      const posted = await scene.call(dispatchCall(enqueueBody("S"), { headers: { origin } }));
      const listened = await scene.call({ path: streamPath, headers: { ...upgrade, origin } });
      for (const answer of [posted, listened]) {
        expectProblem(answer, { status: 403, code: "forbidden_origin", retry: "never" });
        expect(answer.json.detail).toContain("listen.allowed_origins");
      }
      expect(scene.podium.requests).toEqual([]);
    });
  }

  test("our own page and the allowed ones may", async () => {
    const { port } = scene.gateway;
    for (const origin of [`http://127.0.0.1:${port}`, "http://panel.test:5173"]) {
      const posted = await scene.call(dispatchCall(enqueueBody(newStory()), { headers: { origin } }));
      expect(posted.status).toBe(200);
      expect((await scene.call({ path: streamPath, headers: { ...upgrade, origin } })).status).toBe(101);
    }
  });
}

function routes(scene: Scene): void {
  for (const path of ["/nowhere", "/api/orchestrator", "/api/command", "/api/orchestrator/dispatch/", "//", "/..%2f"]) {
    test(`there is nothing at ${path}`, async () => {
      expectProblem(await scene.get(path), { status: 404, code: "not_found", retry: "never" });
    });
  }

  for (const [method, path] of [
    ["GET", dispatchPath],
    ["PUT", dispatchPath],
    ["DELETE", dispatchPath],
    ["POST", "/api/orchestrator/status"],
    ["POST", "/health"],
  ] as const) {
    test(`${path} does not take ${method}`, async () => {
      const request = { method, path, headers: { "content-type": "application/json" }, body: '{"action":"halt"}' };
      expectProblem(await scene.call(request), { status: 405, code: "method_not_allowed", retry: "never" });
      expect(scene.podium.requests).toEqual([]);
    });
  }

  test("a stream asked for without an upgrade is explained", async () => {
    const answer = await scene.get(streamPath);
    expect(answer.status).toBeGreaterThanOrEqual(400);
    expect(answer.json.detail).toContain("WebSocket");
  });

  test("answers are neither sniffed nor cached", async () => {
    for (const answer of [await scene.get("/health"), await scene.get("/nowhere"), await scene.enqueue(newStory())]) {
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });
}

function expectLimited(answer: Answer, code: string, retryAfterMax: number): void {
  expectProblem(answer, { status: 429, code, retry: "safe" });
  const after = answer.headers.get("retry-after")!;
  expect(after).toMatch(/^[1-9]\d*$/);
  expect(Number(after)).toBeLessThanOrEqual(retryAfterMax);
  expect(answer.headers.get("ratelimit-policy")).toBe('"dispatch";q=10;w=60');
  expect(answer.headers.get("ratelimit")).toMatch(/^"dispatch";r=\d+;t=\d+$/);
}

function limits(launcher: Launcher): void {
  describe("the limits as they come", () => {
    const scene = useScene(launcher, { defaultLimits: true });
    test("the eleventh dispatch in a minute waits, a halt and a look do not, and a restart forgets nothing", async () => {
      const story = newStory();
      expect((await scene.enqueue(story)).status).toBe(200);
      const again = await scene.enqueue(story);
      expectLimited(again, "story_cooldown", 5);
      expect(again.json.detail).toContain(story);
      for (let i = 0; i < 9; i++) expect((await scene.enqueue(newStory())).status).toBe(200);
      const eleventh = newStory();
      const refused = await scene.enqueue(eleventh);
      expectLimited(refused, "rate_limited", 60);
      expect(refused.headers.get("ratelimit")).toStartWith('"dispatch";r=0;');
      expect(scene.podium.commands).toHaveLength(10);
      for (const action of ["halt", "status"]) expect((await scene.dispatch({ action })).status).toBe(200);
      const cancel = { action: "cancel_story", payload: { story_id: story } };
      for (let i = 0; i < 2; i++) expect((await scene.dispatch(cancel)).status).toBe(200);
      await scene.recorded(
        ({ event, code }) => event === "rejected" && code === "rate_limited",
        "the refusal's record",
      );
      await scene.restart("kill", { defaultLimits: true });
      expectLimited(await scene.enqueue(eleventh), "rate_limited", 60);
      expect(scene.podium.commands.some(({ body }) => body.includes(eleventh))).toBe(false);
    });
  });
}

function floods(launcher: Launcher): void {
  describe("a flood of refusals", () => {
    const scene = useScene(launcher, { settings: { "limits.story_cooldown_s": "3600" } });
    test("is counted to the last one, in a few lines", async () => {
      const story = newStory();
      expect((await scene.enqueue(story)).status).toBe(200);
      const startedAt = performance.now();
      for (let round = 0; round < 4; round++) {
        const answers = await Promise.all(Array.from({ length: 75 }, () => scene.enqueue(story)));
        for (const answer of answers) expectProblem(answer, { status: 429, code: "story_cooldown", retry: "safe" });
      }
      await scene.gateway.stop();
      // One line at once and one with the rest, in each ten seconds.
      const linesMax = 2 * Math.ceil((performance.now() - startedAt) / 10_000);
      const rejected = scene.gateway.records().filter(({ event }) => event === "rejected");
      expect(rejected.length).toBeLessThanOrEqual(linesMax);
      expect(rejected.reduce((sum, { count }) => sum + count, 0)).toBe(300);
      for (const record of rejected) expect(record).toMatchObject({ story_id: story, code: "story_cooldown" });
      await scene.restart("stop");
    });
  });
}

function queue(launcher: Launcher): void {
  describe("the lane", () => {
    const scene = useScene(launcher, { settings: { "podium.queue_limit": "1" } });
    test("one more than may wait is refused with queue_full", async () => {
      const hold = gate();
      scene.podium.next(reply.after(hold.opened, reply.text(yes)));
      const first = scene.enqueue(newStory());
      await scene.podium.commandsSeen(1);
      const waiting = newStory();
      const second = scene.enqueue(waiting);
      await scene.recorded(({ event, story_id }) => event === "intent" && story_id === waiting, "the waiting intent");
      const third = await scene.enqueue(newStory());
      expectProblem(third, { status: 503, code: "queue_full", retry: "safe" });
      expect(third.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
      hold.open();
      expect([(await first).status, (await second).status]).toEqual([200, 200]);
      expect(scene.podium.commands).toHaveLength(2);
    });
    hangUps(scene);
  });
}

function hangUps(scene: Scene): void {
  // Deno hears of it only when the whole request came in one short packet, as it does here: once it has read a body that
  // came later, it reads no more from that connection until it has answered.
  test("a client that hangs up while it waits leaves the lane unsent, and its intent is closed", async () => {
    const hold = gate();
    scene.podium.next(reply.after(hold.opened, reply.text(yes)));
    const first = scene.enqueue(newStory());
    await scene.podium.commandsSeen(1);
    const [story, hangUp] = [newStory(), new AbortController()];
    const second = scene.enqueue(story, {}, { signal: hangUp.signal }).catch(() => "gone");
    await scene.recorded(({ event, story_id }) => event === "intent" && story_id === story, "the waiting intent");
    hangUp.abort();
    const isClosed = ({ event, story_id }: { event: string; story_id: string }): boolean =>
      event === "outcome" && story_id === story;
    const outcome = await scene.recorded(isClosed, "the outcome of the one that hung up");
    expect(outcome).toMatchObject({ result: "failed", code: "cancelled_by_client" });
    hold.open();
    expect(await second).toBe("gone");
    expect((await first).status).toBe(200);
    expect(scene.podium.commands).toHaveLength(1);
  });
}

const clientToken = "client-token-0123456789";

function clientTokens(launcher: Launcher): void {
  describe("with auth.token_file", () => {
    const root = plannedRoot();
    beforeAll(() => {
      makeRoot(root);
      writeFileSync(`${root}/secret.token`, `${clientToken}\n`, { mode: 0o600 });
    });
    const scene = useScene(launcher, { root, settings: { "auth.token_file": `${root}/secret.token` } });
    test("a missing or wrong token is refused before anything else is read", async () => {
      for (const headers of [{}, { "x-roxy-token": "wrong" }, { authorization: `Basic ${clientToken}` }] as Record<
        string,
        string
      >[]) {
        for (const request of [dispatchCall("not JSON", { headers }), { path: "/api/orchestrator/status", headers }]) {
          const answer = await scene.call(request);
          expectProblem(answer, { status: 401, code: "unauthorized", retry: "never" });
          expect(answer.headers.get("www-authenticate")).toBe("Bearer");
        }
      }
      expect(scene.podium.requests).toEqual([]);
    });

    test("both ways of bringing it work, and its owner is recorded whatever the body claims", async () => {
      for (const headers of [{ "x-roxy-token": clientToken }, { authorization: `Bearer ${clientToken}` }] as Record<
        string,
        string
      >[]) {
        const { status, json } = await scene.enqueue(newStory(), headers);
        expect(status).toBe(200);
        const [intent] = scene.records(json.audit_id);
        expect(intent.auth_mode).toBe("token");
        expect(intent.user_id).not.toBe("mark");
      }
      expect(scene.gateway.auditLines().join("\n") + scene.gateway.child.stderr()).not.toContain(clientToken);
    });
  });
}
