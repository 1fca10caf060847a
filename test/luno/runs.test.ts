import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import type { Json } from "./luno-under-test.ts";
import { atEnd, folderWith, startTestLuno, endAll } from "./luno-under-test.ts";

afterEach(endAll);

const endless = { storyId: "ENDLESS", command: ["sh", "-c", "echo started; exec sleep 60"] };

function lunoWith(stories: readonly Json[], options: Parameters<typeof startTestLuno>[0] = {}) {
  return startTestLuno({ folder: folderWith(stories), ...options });
}

describe("a run", () => {
  test("without a command is simulated: queued, in_progress, done, with lines and progress on the way", async () => {
    const luno = await startTestLuno();
    const stream = await luno.stream();
    expect(await luno.command("ENQUEUE_STORY", { storyId: "STORY-001" })).toEqual({
      success: true,
      command: "ENQUEUE_STORY",
      storyId: "STORY-001",
      status: "queued",
      position: 1,
      alreadyQueued: false,
      message: "The story is in the queue",
    });
    const done = await stream.status("STORY-001", "done");
    expect(done).toMatchObject({ previousStatus: "in_progress", agent: "luno-agent-1" });
    expect(new Date(done["timestamp"]).toISOString()).toBe(done["timestamp"]);
    expect(stream.steps("STORY-001")).toEqual(["queued", "in_progress", "done"]);
    const lines = stream.frames.filter((f) => f["type"] === "STORY_LOG").map((f) => f["line"] as string);
    expect(lines.length).toBe(4);
    const progress = stream.frames.flatMap((f) => (f["type"] === "AGENT_STATUS" ? [f["agents"][0].progress] : []));
    expect(progress).toEqual(expect.arrayContaining([25, 50, 75, 100]));
  });

  test("of a command streams its output and tells it who it is, but not the orchestrator's secrets", async () => {
    const script =
      'echo "$LUNO_STORY_ID on $LUNO_AGENT_ID"; echo "[$PODIUM_JWT_SECRET$ROXY_PODIUM_TOKEN$PODIUM_JWT_SECRET_PREVIOUS$CREDENTIALS_DIRECTORY]"; echo bad >&2';
    const secrets = { PODIUM_JWT_SECRET: "s3cret", PODIUM_JWT_SECRET_PREVIOUS: "0ld", ROXY_PODIUM_TOKEN: "t0ken" };
    const env = { ...runtime.process.env, ...secrets, CREDENTIALS_DIRECTORY: "/run/credentials" };
    const withSecrets = { ...runtime, process: { ...runtime.process, env } };
    const luno = await lunoWith([{ storyId: "A", command: ["sh", "-c", script] }], { runtime: withSecrets });
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    await stream.status("A", "done");
    const logs = stream.frames.filter((f) => f["type"] === "STORY_LOG");
    expect(logs.map((f) => `${f["stream"]} ${f["line"]}`).toSorted((a, b) => (a < b ? -1 : 1))).toEqual([
      "stderr bad",
      "stdout A on luno-agent-1",
      "stdout []",
    ]);
    expect(logs[0]).toMatchObject({ storyId: "A", agent: "luno-agent-1" });
  });

  test("of a command that exits with 3 is failed and says so; only FORCE runs it again", async () => {
    const luno = await startTestLuno();
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "STORY-004" });
    const failed = await stream.status("STORY-004", "failed");
    expect(failed["message"]).toBe("Exit code 3");
    const refused = await luno.command("ENQUEUE_STORY", { storyId: "STORY-004" });
    expect(refused["error"]).toContain("Cannot enqueue STORY-004: it is failed");
    stream.frames.length = 0;
    expect((await luno.command("FORCE_ENQUEUE_STORY", { storyId: "STORY-004" }))["success"]).toBe(true);
    await stream.status("STORY-004", "failed");
    expect((await luno.story("STORY-004"))["runs"]).toBe(2);
  });

  test("happens once, however often and however fast the story is enqueued", async () => {
    const luno = await lunoWith([{ storyId: "A", command: ["sh", "-c", "echo ran >> ran.txt"] }]);
    const stream = await luno.stream();
    const body = { type: "ENQUEUE_STORY", storyId: "A" };
    await Promise.all(Array.from({ length: 20 }, () => luno.post("/api/command", body)));
    await stream.status("A", "done");
    expect((await luno.command("ENQUEUE_STORY", { storyId: "A" }))["error"]).toBe("Cannot enqueue A: it is done");
    expect(fs.readFileSync(path.join(luno.folder, "ran.txt"), "utf8")).toBe("ran\n");
  });

  test("of more stories than agents: as many at a time as there are agents", async () => {
    const luno = await lunoWith([endless, { ...endless, storyId: "SECOND" }, { storyId: "THIRD" }]);
    const stream = await luno.stream();
    for (const storyId of ["ENDLESS", "SECOND", "THIRD"]) await luno.command("ENQUEUE_STORY", { storyId });
    await Promise.all([stream.line("ENDLESS", "started"), stream.line("SECOND", "started")]);
    const { json } = await luno.get("/api/status");
    expect(json).toMatchObject({ currentStory: "ENDLESS", running: ["ENDLESS", "SECOND"] });
    expect(json["queue"]).toMatchObject([{ storyId: "THIRD", status: "queued", queue: "free-tier", position: 1 }]);
    expect(json["agents"]).toMatchObject([
      { agentId: "luno-agent-1", status: "busy", storyId: "ENDLESS" },
      { agentId: "luno-agent-2", status: "busy", storyId: "SECOND" },
    ]);
    await luno.command("CANCEL_STORY", { storyId: "SECOND" });
    await stream.status("THIRD", "done");
  });
});

describe("CANCEL_STORY", () => {
  test("takes a queued story out of the queue", async () => {
    const luno = await lunoWith([endless, { storyId: "A" }], { agents: 1 });
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "ENDLESS" });
    await stream.line("ENDLESS", "started");
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    expect(await luno.command("CANCEL_STORY", { storyId: "A" })).toMatchObject({
      success: true,
      storyId: "A",
      status: "cancelled",
      previousStatus: "queued",
    });
    await stream.status("A", "cancelled");
    expect((await luno.get("/api/status")).json["queue"]).toEqual([]);
    expect(stream.steps("A")).toEqual(["queued", "cancelled"]);
  });

  test("kills a running story's process and answers when it has ended", async () => {
    const luno = await lunoWith([{ storyId: "A", command: ["sh", "-c", "echo pid $$; exec sleep 60"] }]);
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    const { line } = await stream.until((f) => String(f["line"]).startsWith("pid"));
    const answer = await luno.command("CANCEL_STORY", { storyId: "A" });
    expect(answer).toMatchObject({ success: true, status: "cancelled", previousStatus: "in_progress" });
    expect(() => process.kill(Number(String(line).slice(4)), 0)).toThrow("ESRCH");
    expect((await luno.story("A"))["status"]).toBe("cancelled");
  });

  test("refuses a story that is neither queued nor running, and one that is not there", async () => {
    const luno = await startTestLuno();
    const refusal = async (storyId: string) => (await luno.command("CANCEL_STORY", { storyId }))["error"] as string;
    expect(await refusal("STORY-001")).toBe("Cannot cancel STORY-001: it is todo, neither in the queue nor running");
    expect(await refusal("STORY-006")).toContain("it is done");
    expect(await refusal("NONE")).toBe("Cannot cancel NONE: there is no such story");
  });
});

describe("HALT", () => {
  test("stops what runs, holds the queue, refuses new stories; START_ORCHESTRATOR goes on with the queue", async () => {
    const luno = await lunoWith([endless, { storyId: "A" }, { storyId: "B" }], { agents: 1, beatMs: 20 });
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "ENDLESS" });
    await stream.line("ENDLESS", "started");
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    const halted = { success: true, state: "halted", heldInQueue: 1 };
    expect(await luno.command("HALT")).toMatchObject({ ...halted, cancelled: ["ENDLESS"] });
    expect((await luno.story("ENDLESS"))["status"]).toBe("cancelled");
    const refused = await luno.command("ENQUEUE_STORY", { storyId: "B" });
    expect(refused["error"]).toBe("Cannot enqueue B: the orchestrator is halted; START_ORCHESTRATOR lifts that");
    const degraded = await luno.get("/health/orchestrator");
    expect(degraded.status).toBe(503);
    expect(degraded.json).toMatchObject({ status: "degraded", state: "halted", standIn: true });
    expect(await luno.command("HALT")).toMatchObject({ ...halted, cancelled: [] });
    const beats = async (): Promise<number> => (await luno.get("/api/metrics")).json["beats"] as number;
    const before = await beats();
    while ((await beats()) < before + 2);
    expect((await luno.story("A"))["status"]).toBe("queued");
    expect(await luno.command("START_ORCHESTRATOR")).toMatchObject({ success: true, state: "running" });
    await stream.status("A", "done");
    expect((await luno.get("/health/orchestrator")).status).toBe(200);
  });
});

describe("dependencies", () => {
  test("refuse a story until they are done; FORCE with bypassDependencies runs it all the same", async () => {
    const luno = await lunoWith([{ storyId: "A" }, { storyId: "B", dependencies: ["A"] }]);
    const stream = await luno.stream();
    const refused = "Cannot enqueue B: its dependencies are not done: A is todo";
    expect((await luno.command("ENQUEUE_STORY", { storyId: "B" }))["error"]).toBe(refused);
    expect((await luno.command("FORCE_ENQUEUE_STORY", { storyId: "B" }))["error"]).toBe(refused);
    await luno.command("FORCE_ENQUEUE_STORY", { storyId: "B", bypassDependencies: true });
    await stream.status("B", "done");
  });

  test("are met when they are done", async () => {
    const luno = await lunoWith([{ storyId: "A" }, { storyId: "B", dependencies: ["A"] }]);
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    await stream.status("A", "done");
    expect((await luno.command("ENQUEUE_STORY", { storyId: "B" }))["success"]).toBe(true);
    await stream.status("B", "done");
  });
});

test("stopping luno ends the commands it runs", async () => {
  const luno = await lunoWith([{ storyId: "A", command: ["sh", "-c", "echo pid $$; exec sleep 60"] }]);
  const stream = await luno.stream();
  await luno.command("ENQUEUE_STORY", { storyId: "A" });
  const { line } = await stream.until((f) => String(f["line"]).startsWith("pid"));
  atEnd(() => luno.stop());
  await luno.stop();
  expect(() => process.kill(Number(String(line).slice(4)), 0)).toThrow("ESRCH");
});
