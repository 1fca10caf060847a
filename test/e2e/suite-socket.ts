import { beforeAll, describe, expect, test } from "bun:test";
import { existsSync, lstatSync, mkdirSync } from "node:fs";
import WebSocket from "ws";
import type { Call } from "./http-client.ts";
import { call } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { environment, makeRoot, plannedRoot, runCommand } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { dispatchCall, enqueueBody, newStory, useScene } from "./scene.ts";

export function socketSuite(launcher: Launcher): void {
  describe("a unix socket beside the port", () => {
    const root = plannedRoot();
    const path = `${root}/run/roxy.sock`;
    const scene = useScene(launcher, { root, settings: { "listen.socket": path } });
    everything(launcher, scene, root, path);
    comesAndGoes(scene, path);
  });
  instead(launcher);
}

function everything(launcher: Launcher, scene: Scene, root: string, path: string): void {
  const ask = (request: Call) => call(`unix:${path}`, request);

  test("is this user's alone, and is told of", () => {
    expect(lstatSync(path).mode & 0o777).toBe(0o600);
    expect(lstatSync(`${root}/run`).mode & 0o777).toBe(0o700);
    const listening = scene.gateway.logged().find(({ event }) => event === "listening");
    expect([listening.url, listening.socket]).toEqual([scene.gateway.baseUrl, `unix:${path}`]);
  });

  test("a dispatch through it is recorded and forwarded like any other", async () => {
    const answer = await ask(dispatchCall(enqueueBody(newStory())));
    expect(answer.status).toBe(200);
    expect(scene.podium.commands).toHaveLength(1);
    expect(scene.records(answer.json.audit_id).map(({ event }) => event)).toEqual(["intent", "outcome"]);
    // The same jobs, whichever door one looks through.
    expect((await scene.get(`/api/orchestrator/status/${answer.json.job_id}`)).json.job_id).toBe(answer.json.job_id);
  });

  test("Host and Origin are looked at as on the port", async () => {
    const host = await ask(dispatchCall(enqueueBody("S"), { headers: { host: "evil.test" } }));
    expectProblem(host, { status: 403, code: "forbidden_host", retry: "never" });
    const origin = await ask(dispatchCall(enqueueBody("S"), { headers: { origin: "http://evil.test" } }));
    expectProblem(origin, { status: 403, code: "forbidden_origin", retry: "never" });
    expect(scene.podium.requests).toEqual([]);
  });

  test("telemetry comes through it over a WebSocket", async () => {
    await scene.podium.telemetry();
    const socket = new WebSocket(`ws+unix:${path}:/api/orchestrator/stream`);
    const seen = Promise.withResolvers<string>();
    socket.on("error", seen.reject);
    socket.on("message", (data: Buffer) => {
      const text = data.toString();
      if (text.includes("GATEWAY_STATUS")) scene.podium.emit('{"type":"QUEUE_UPDATE","n":1}');
      else seen.resolve(text);
    });
    expect(await seen.promise).toBe('{"type":"QUEUE_UPDATE","n":1}');
    socket.terminate();
  });

  test("the command line asks, commands and follows through it", async () => {
    const run = (...args: string[]) =>
      runCommand(launcher, [...args, "--url", "unix:run/roxy.sock"], { env: environment(root), cwd: root });
    const status = await run("status");
    expect(status).toMatchObject({ code: 0, stderr: "" });
    expect(status.stdout).toContain(`unix:${path}`);
    const story = newStory();
    scene.podium.onRequest = ({ method }) => {
      if (method === "POST")
        setTimeout(() => scene.podium.emit(`{"type":"STORY_STATUS","storyId":"${story}","status":"done"}`));
    };
    await scene.podium.telemetry();
    expect(await run("dispatch", "enqueue_story", story, "--watch")).toMatchObject({ code: 0 });
    const nobody = await runCommand(launcher, ["status", "--url", `unix:${root}/none.sock`], {
      env: environment(root),
    });
    expect(nobody.code).toBe(3);
    expect(nobody.stderr).toContain(`unix:${root}/none.sock`);
  });
}

function comesAndGoes(scene: Scene, path: string): void {
  test("it goes with the gateway; what a killed one leaves is taken over", async () => {
    await scene.gateway.stop();
    expect(existsSync(path)).toBe(false);
    await scene.restart("stop");
    const { ino } = lstatSync(path);
    await scene.gateway.kill();
    expect(lstatSync(path).ino).toBe(ino);
    await scene.restart("kill");
    expect((await call(`unix:${path}`, { path: "/health" })).status).toBe(200);
  });
}

function instead(launcher: Launcher): void {
  describe("a unix socket instead of the port", () => {
    const root = plannedRoot();
    const path = `${root}/only.sock`;
    beforeAll(() => {
      makeRoot(root);
      mkdirSync(`${root}/etc`);
    });
    const scene = useScene(launcher, {
      root,
      // An address that would need tokens, if it were listened on.
      settings: { "listen.socket": path, "listen.tcp": "false", "listen.host": "0.0.0.0" },
    });
    test("opens nothing else, and the command line finds it in the configuration", async () => {
      expect(scene.gateway.baseUrl).toBe(`unix:${path}`);
      expect((await call(`unix:${path}`, dispatchCall(enqueueBody(newStory())))).status).toBe(200);
      const flags = ["--set", `listen.socket=${path}`, "--set", "listen.tcp=false"];
      const status = await runCommand(launcher, ["status", ...flags], { env: environment(root) });
      expect(status.stdout).toContain(`unix:${path}`);
      expect(status.code).toBe(0);
      const table = await Bun.file("/proc/net/tcp").text();
      const fds = Bun.spawnSync(["ls", "-l", `/proc/${scene.gateway.child.pid}/fd`]).stdout.toString();
      const inodes = [...fds.matchAll(/socket:\[(\d+)\]/g)].map(([, inode]) => inode!);
      const listening = table
        .split("\n")
        .filter((line) => line.includes(" 0A "))
        .map((line) => line.trim().split(/\s+/)[9]!);
      expect(inodes.filter((inode) => listening.includes(inode))).toEqual([]);
    });
  });
}
