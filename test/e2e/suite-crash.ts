import { describe, expect, test } from "bun:test";
import { appendFileSync, writeFileSync } from "node:fs";
import { auditPath, chainFaults } from "./audit-file.ts";
import type { Launcher } from "./launcher.ts";
import { environment, runCommand } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { gate, newStory, useScene } from "./scene.ts";

export function crashSuite(launcher: Launcher): void {
  describe("a gateway that dies", () => {
    const scene = useScene(launcher, { settings: { "podium.timeout_ms": "500" } });
    killed(scene);
    twice(launcher, scene);
  });
  halts(launcher);
  shutdown(launcher);
}

function killed(scene: Scene): void {
  test("kill -9 in the middle of a forward: the job is unknown, said so, and nothing is sent again", async () => {
    const [story, headers] = [newStory(), { "idempotency-key": "crash-1" }];
    scene.podium.next(reply.hang());
    const lost = scene.enqueue(story, headers).catch(() => "no answer");
    await scene.podium.commandsSeen(1);
    const waiting = newStory();
    const alsoLost = scene.enqueue(waiting).catch(() => "no answer");
    await scene.recorded(({ event, story_id }) => event === "intent" && story_id === waiting, "the waiting intent");
    await scene.restart("kill");
    expect([await lost, await alsoLost]).toEqual(["no answer", "no answer"]);

    const records = scene.gateway.records();
    for (const name of [story, waiting]) {
      const [intent, end, ...more] = records.filter(({ story_id }) => story_id === name);
      expect([intent.event, end.event, more]).toEqual(["intent", "unknown", []]);
      expect(end).toMatchObject({
        audit_id: intent.audit_id,
        job_id: intent.job_id,
        result: "unknown",
        retry: "same-key",
      });
      const job = (await scene.get(`/api/orchestrator/status/${intent.job_id}`)).json;
      expect(job).toMatchObject({ status: "unknown", story_id: name });
    }
    expect(scene.podium.commands).toHaveLength(1);
    expect(chainFaults(scene.gateway.auditLines())).toEqual([]);
    expect(scene.gateway.logged().some(({ event, level }) => event === "outcomes_unknown" && level === "warn")).toBe(
      true,
    );

    scene.podium.status = reply.text(`{"stories":[{"storyId":"${story}","status":"in_progress"}]}`);
    const again = await scene.enqueue(story, headers);
    expect(again.status).toBe(200);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(scene.podium.commands).toHaveLength(1);
  });

  test("ids go on after the ones that were handed out", async () => {
    const before = (await scene.enqueue(newStory())).json.job_id as string;
    await scene.restart("kill");
    const after = (await scene.enqueue(newStory())).json.job_id as string;
    expect(after > before).toBe(true);
    const ids = scene.gateway.records().filter(({ event }) => event === "intent");
    expect(new Set(ids.map(({ job_id }) => job_id)).size).toBe(ids.length);
  });

  test("a torn last line is moved aside, and what was whole stays", async () => {
    const { json } = await scene.enqueue(newStory());
    await scene.gateway.kill();
    appendFileSync(auditPath(scene.gateway.root), '{"v":1,"seq":');
    await scene.restart("kill");
    expect(chainFaults(scene.gateway.auditLines())).toEqual([]);
    expect(scene.gateway.records().some(({ event }) => event === "recover")).toBe(true);
    expect((await scene.get(`/api/orchestrator/status/${json.job_id}`)).json.status).toBe("queued");
  });
}

function twice(launcher: Launcher, scene: Scene): void {
  const serve = (args: readonly string[]) =>
    runCommand(launcher, ["serve", "--podium-url", scene.podium.url, ...args], {
      env: environment(scene.gateway.root),
    });

  /** A log of its own. */
  const elsewhere = () => {
    const { root } = scene.gateway;
    return ["--audit-dir", `${root}/other`, "--set", `audit.checkpoint_key_file=${root}/other.key`];
  };

  test("a second process on the same folder ends with a clear word, and disturbs nothing", async () => {
    const before = scene.gateway.auditLines();
    const second = await serve(["--port", "0"]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain("logs");
    expect(second.stderr).toMatch(/another|already|in use/i);
    expect(scene.gateway.auditLines()).toEqual(before);
    expect((await scene.enqueue(newStory())).status).toBe(200);
  });

  test("a port that is taken is named, with what to do", async () => {
    const { port } = scene.gateway;
    const second = await serve([...elsewhere(), "--port", String(port)]);
    expect(second.code).toBe(1);
    expect(second.stderr).toContain(`127.0.0.1:${port}`);
    expect(second.stderr).toContain("--port");
    expect((await scene.get("/health")).status).toBe(200);
  });

  test.each(["nonexistent.invalid", "192.0.2.1"])(
    "%s is no address of this machine, and that is said",
    async (host) => {
      const tokens = `${scene.gateway.root}/tokens`;
      writeFileSync(tokens, "a-bare-token-of-its-own", { mode: 0o600 });
      const second = await serve([...elsewhere(), "--port", "0", "--host", host, "--set", `auth.token_file=${tokens}`]);
      expect(second.code).toBe(1);
      expect(second.stderr).toContain(`Cannot listen on ${host}:0: that is no address of this machine`);
    },
  );
}

function halts(launcher: Launcher): void {
  describe("a halt", () => {
    const scene = useScene(launcher);
    test("passes a command that hangs, and what still waits is answered as cancelled and not sent", async () => {
      const hold = gate();
      scene.podium.next(reply.after(hold.opened, reply.text(yes)));
      const hanging = scene.enqueue(newStory());
      await scene.podium.commandsSeen(1);
      const story = newStory();
      const waiting = scene.enqueue(story);
      await scene.recorded(({ event, story_id }) => event === "intent" && story_id === story, "the waiting intent");
      const halt = await scene.dispatch({ action: "halt", source: "e2e" });
      expect(halt.status).toBe(200);
      expect(scene.podium.commands.map(({ body }) => JSON.parse(body).type)).toEqual(["ENQUEUE_STORY", "HALT"]);
      const cancelled = await waiting;
      expectProblem(cancelled, { status: 503, code: "cancelled_by_halt", retry: "safe" });
      expect(scene.records(cancelled.json.audit_id)[1]).toMatchObject({ result: "failed", code: "cancelled_by_halt" });
      hold.open();
      expect((await hanging).status).toBe(200);
      expect(scene.podium.commands).toHaveLength(2);
    });
  });
}

function shutdown(launcher: Launcher): void {
  describe("a shutdown", () => {
    const scene = useScene(launcher);
    test("what is in flight is finished and answered, what waits is refused unsent, new ones too", async () => {
      const hold = gate();
      scene.podium.next(reply.after(hold.opened, reply.text(yes)));
      const flying = scene.enqueue(newStory());
      await scene.podium.commandsSeen(1);
      const story = newStory();
      const waiting = scene.enqueue(story);
      await scene.recorded(({ event, story_id }) => event === "intent" && story_id === story, "the waiting intent");
      const ended = scene.gateway.stop();
      expectProblem(await waiting, { status: 503, code: "shutting_down", retry: "safe" });
      expectProblem(await scene.enqueue(newStory()), { status: 503, code: "shutting_down", retry: "safe" });
      hold.open();
      expect((await flying).status).toBe(200);
      expect(await ended).toEqual({ code: 0, signal: null });
      expect(scene.podium.commands).toHaveLength(1);
      const open = scene.gateway.records().filter(({ event }) => event === "intent" || event === "outcome");
      expect(open.filter(({ event }) => event === "intent")).toHaveLength(open.length / 2);
    });
  });
}
