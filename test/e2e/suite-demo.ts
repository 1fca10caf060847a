import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { chainFaults, readLines } from "./audit-file.ts";
import type { Child } from "./child.ts";
import { isRunning, run, startChild } from "./child.ts";
import { freePort } from "./free-port.ts";
import type { Answer, Json } from "./http-client.ts";
import { call } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { environment, listeningUrl, plannedRoot, removeRoot } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import { dispatchCall } from "./scene.ts";
import type { SocketClient } from "./socket-client.ts";
import { connectSocket } from "./socket-client.ts";
import { eventually } from "./watch.ts";

interface Demo {
  readonly child: Child;
  readonly baseUrl: string;
  readonly dir: string;
  dispatch(body: Json): Promise<Answer>;
  stream(path?: string): Promise<SocketClient>;
}

async function startDemo(launcher: Launcher, root: string, name: string, ports: readonly string[]): Promise<Demo> {
  const dir = `${root}/${name}`;
  const child = startChild([...launcher.command, "demo", "--dir", dir, ...ports], {
    cwd: root,
    env: environment(root),
  });
  const baseUrl = await listeningUrl(child);
  await child.line((line) => (line.includes("Ctrl-C stops both") ? true : undefined), "the welcome");
  return {
    child,
    baseUrl,
    dir,
    dispatch: (body) => call(baseUrl, dispatchCall(body)),
    stream: (path = "") => connectSocket(`${baseUrl.replace("http", "ws")}/api/orchestrator/stream${path}`),
  };
}

function withoutCooldown(dir: string): void {
  mkdirSync(dir, { mode: 0o700, recursive: true });
  writeFileSync(`${dir}/roxy-core.jsonc`, '{ "limits": { "story_cooldown_s": 0 } }', { mode: 0o600 });
}

export function demoSuite(launcher: Launcher): void {
  describe("the demo", () => {
    const root = plannedRoot();
    let demo: Demo;
    beforeAll(async () => {
      withoutCooldown(`${root}/one`);
      const ports = ["--port", String(await freePort()), "--podium-port", String(await freePort())];
      demo = await startDemo(launcher, root, "one", ports);
    });
    afterAll(async () => {
      demo?.child.kill("SIGTERM");
      await demo?.child.ended;
      removeRoot(root);
    });
    story(() => demo);
    plan(() => demo);
    nextPort(launcher, root, () => demo);
    killed(launcher, root);
    startedAgain(launcher, root);
    end(() => demo);
  });
}

function story(the: () => Demo): void {
  test("prints where to look and a curl line that works as it stands", async () => {
    const said = the().child.stdout();
    expect(said).toContain(the().baseUrl);
    expect(said).toContain(the().dir);
    const curl = /^ *(curl [\s\S]*?)\n\n/m.exec(said)![1]!;
    const child = startChild(["/bin/sh", "-c", curl], { env: environment(the().dir) });
    expect((await child.ended).code).toBe(0);
    const answer = JSON.parse(child.stdout());
    expect(answer).toMatchObject({ success: true, status: "queued" });

    const client = await the().stream(`/${answer.job_id}`);
    expect((await client.closed).code).toBe(1000);
    const words = client.texts(["STORY_STATUS"]).map((text) => JSON.parse(text));
    expect(words.at(-1)).toMatchObject({ storyId: "STORY-001", status: "done" });
    // The frame goes out at once, its record a moment later.
    const job = await eventually(async () => {
      const { json } = await call(the().baseUrl, { path: `/api/orchestrator/status/${answer.job_id}` });
      return json.podium_status === "done" ? json : undefined;
    }, "the job to know that its story is done");
    expect(job).toMatchObject({ status: "queued", story_id: "STORY-001" });
  });

  test("prints a line that works as it stands, which verifies the demo's own log", async () => {
    const line = /^ *(ROXY_ROOT=.* audit verify)$/m.exec(the().child.stdout())![1]!;
    const { code, stdout } = await run(["/bin/sh", "-c", line], { env: environment(`${the().dir}/elsewhere`) });
    expect(code).toBe(0);
    expect(stdout).toContain(the().dir);
  });

  test("what the orchestrator refuses is told in its words", async () => {
    for (const story_id of ["STORY-006", "NO-SUCH-STORY"]) {
      const answer = await the().dispatch({ action: "enqueue_story", payload: { story_id } });
      expectProblem(answer, { status: 502, code: "podium_rejected", retry: "safe" });
      expect(answer.json.detail).toContain(story_id);
    }
  });
}

const planId = "SKOREQ-XXX";

function plan(the: () => Demo): void {
  test("the plan SKOREQ-XXX: staged, applied with its nonce once, enqueued, every story done", async () => {
    const client = await the().stream();
    const step = (action: string, more: Json = {}) =>
      the().dispatch({ action, payload: { plan_id: planId, ...more }, source: "e2e" });
    const staged = (await step("prepare_apply")).json.podium_result;
    const ids = staged.staged.stories.map(({ storyId }: Json) => storyId) as string[];
    expect(ids).toHaveLength(4);
    const { nonce } = staged;
    expectProblem(await step("apply_plan", { nonce: "0".repeat(nonce.length) }), {
      status: 502,
      code: "podium_rejected",
      retry: "safe",
    });
    expect((await step("apply_plan", { nonce })).status).toBe(200);
    expectProblem(await step("apply_plan", { nonce }), { status: 502, code: "podium_rejected", retry: "safe" });
    const enqueued = await step("enqueue_plan");
    expect(enqueued.status).toBe(200);
    const { job_id } = enqueued.json;
    const job = await the().stream(`/${job_id}`);
    for (const id of ids) {
      await client.frame(
        ({ type, storyId, status }) => type === "STORY_STATUS" && storyId === id && status === "done",
        `${id} done`,
      );
    }
    client.close();
    // The orchestrator says no word about the plan itself: it is asked.
    const ending = await job.frame(({ type }) => type === "JOB_OUTCOME", "the plan's end");
    expect(ending).toMatchObject({ job_id, podium_status: "done" });
    expect((await job.closed).code).toBe(1000);
    expect((await call(the().baseUrl, { path: `/api/orchestrator/status/${job_id}` })).json.podium_status).toBe("done");
    const { podium } = (await call(the().baseUrl, { path: "/api/orchestrator/status" })).json;
    const known = podium.stories.filter(({ storyId }: Json) => ids.includes(storyId));
    expect(known.map(({ status }: Json) => status)).toEqual(ids.map(() => "done"));
    expect(known.map(({ runs }: Json) => runs)).toEqual(ids.map(() => 1));
  });
}

function nextPort(launcher: Launcher, root: string, the: () => Demo): void {
  test("a second demo takes the next free ports and says so; each has its own folder and secret", async () => {
    const { port } = new URL(the().baseUrl);
    const second = await startDemo(launcher, root, "two", ["--port", port, "--podium-port", port]);
    try {
      expect(second.child.stdout()).toContain(`Port ${port} is taken: using`);
      expect(Number(new URL(second.baseUrl).port)).toBeGreaterThan(Number(port));
      expect((await second.dispatch({ action: "halt" })).status).toBe(200);
      expect(readLines(second.dir).length).toBeGreaterThan(1);
    } finally {
      second.child.kill("SIGINT");
      expect(await second.child.ended).toEqual({ code: 0, signal: null });
    }
  });
}

/** Whatever took the gateway away, its orchestrator goes too, and the folder is free for the next demo. */
function killed(launcher: Launcher, root: string): void {
  test("kill -9 of the demo leaves no orchestrator behind, and the next one starts", async () => {
    const ports = ["--port", String(await freePort()), "--podium-port", String(await freePort())];
    const first = await startDemo(launcher, root, "killed", ports);
    const children = childrenOf(first.child.pid);
    first.child.kill("SIGKILL");
    await first.child.ended;
    for (const pid of children) await eventually(async () => !(await isRunning(pid)) || undefined, `${pid} to end`);
    const second = await startDemo(launcher, root, "killed", ports);
    second.child.kill("SIGTERM");
    expect(await second.child.ended).toEqual({ code: 0, signal: null });
  });
}

/** No action of the API starts it again, and nobody else has the secret to do it. */
function startedAgain(launcher: Launcher, root: string): void {
  test("a halt lasts until the demo is started again, as its welcome says", async () => {
    const ports = ["--port", String(await freePort()), "--podium-port", String(await freePort())];
    const enqueue = { action: "enqueue_story", payload: { story_id: "STORY-001" } };
    withoutCooldown(`${root}/halted`);
    const first = await startDemo(launcher, root, "halted", ports);
    expect(first.child.stdout()).toContain("A halt lasts until the demo is started again.");
    expect((await first.dispatch({ action: "halt" })).status).toBe(200);
    expectProblem(await first.dispatch(enqueue), { status: 502, code: "podium_rejected", retry: "safe" });
    first.child.kill("SIGTERM");
    await first.child.ended;
    const second = await startDemo(launcher, root, "halted", ports);
    try {
      expect((await second.dispatch(enqueue)).status).toBe(200);
    } finally {
      second.child.kill("SIGTERM");
      await second.child.ended;
    }
  });
}

function childrenOf(pid: number): number[] {
  const text = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8");
  return text
    .split(" ")
    .filter((word) => word !== "")
    .map(Number);
}

function end(the: () => Demo): void {
  test("SIGTERM ends both, with exit code 0, a whole log and no process left", async () => {
    const { child, dir } = the();
    const children = childrenOf(child.pid);
    expect(children.length).toBeGreaterThan(0);
    child.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 0, signal: null });
    for (const pid of children)
      await eventually(async () => !(await isRunning(pid)) || undefined, `process ${pid} to end`);
    expect(chainFaults(readLines(dir))).toEqual([]);
    expect(JSON.parse(readLines(dir).at(-1)!).event).toBe("close");
    // That its orchestrator is gone is no news then.
    expect(child.stderr()).not.toContain('"luno_ended"');
  });
}
