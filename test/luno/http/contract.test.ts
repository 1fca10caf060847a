import { afterEach, describe, expect, test } from "bun:test";
import net from "node:net";
import { queueLengthMax } from "../../../src/luno/kernel.ts";
import type { Json } from "../luno-under-test.ts";
import { atEnd, folderWith, startTestLuno, endAll } from "../luno-under-test.ts";

afterEach(endAll);

describe("POST /api/command", () => {
  test.each([
    ["not JSON", "ENQUEUE STORY-001"],
    ["empty", ""],
    ["a JSON list", "[]"],
    ["a JSON text", '"HALT"'],
    ["a key twice", '{"type":"PING","type":"HALT"}'],
  ])("answers 400 to a body that is %s", async (_name, body) => {
    const luno = await startTestLuno();
    const { status, json } = await luno.post("/api/command", body);
    expect(status).toBe(400);
    expect(json).toEqual({ success: false, error: expect.stringContaining("Cannot read the body") });
    expect((await luno.get("/api/status")).json["orchestrator"].state).toBe("running");
  });

  test("refuses what it does not understand under 200, as Podium does", async () => {
    const luno = await startTestLuno();
    const refusal = async (body: Json) => {
      const { status, json } = await luno.post("/api/command", body);
      expect(status).toBe(200);
      expect(json["success"]).toBe(false);
      return json["error"] as string;
    };
    expect(await refusal({ type: "DANCE" })).toContain('"DANCE" is unknown; known are ENQUEUE_STORY, ');
    expect(await refusal({})).toContain("it has no type");
    expect(await refusal({ type: "ENQUEUE_STORY" })).toContain("Cannot run ENQUEUE_STORY: storyId");
    expect(await refusal({ type: "ENQUEUE_STORY", storyId: "a/b" })).toContain("storyId");
    expect(await refusal({ type: "ENQUEUE_STORY", storyId: 7 })).toContain("storyId");
    expect(await refusal({ type: "ENQUEUE_STORY", storyId: "NONE" })).toBe(
      "Cannot enqueue NONE: there is no such story",
    );
    expect(await refusal({ type: "ENQUEUE_STORY", storyId: "STORY-006" })).toBe("Cannot enqueue STORY-006: it is done");
  });

  test("lets options pass beside the ids", async () => {
    const luno = await startTestLuno();
    const answer = await luno.command("ENQUEUE_STORY", { storyId: "LUNO-026-STORY-033", priority: 3, dryRun: false });
    expect(answer["success"]).toBe(true);
  });

  test("answers PING, and says so on the stream", async () => {
    const luno = await startTestLuno();
    const stream = await luno.stream();
    expect(await luno.command("PING")).toMatchObject({ success: true, type: "PONG" });
    await stream.until((f) => f["type"] === "PONG");
    await stream.until((f) => f["type"] === "COMMAND_RESULT" && f["command"] === "PING");
  });

  test("announces each result, refusals too", async () => {
    const luno = await startTestLuno();
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "STORY-006" });
    const frame = await stream.until((f) => f["type"] === "COMMAND_RESULT");
    expect(frame).toMatchObject({ command: "ENQUEUE_STORY", success: false, storyId: "STORY-006" });
    expect(frame["error"]).toContain("it is done");
  });

  test("refuses a body past its bound and stays well", async () => {
    const luno = await startTestLuno();
    const response = await fetch(`${luno.base}/api/command`, { method: "POST", body: "x".repeat(1_000_000) });
    expect(response.status).toBe(413);
    expect((await luno.get("/health")).status).toBe(200);
  });
});

describe("the reading routes", () => {
  test("say that this is a stand-in", async () => {
    const luno = await startTestLuno();
    const standIn = { name: "roxy-core luno, a stand-in for Podium", standIn: true };
    expect((await luno.get("/health")).json).toMatchObject({ success: true, status: "ok", ...standIn });
    expect((await luno.get("/health/orchestrator")).json).toMatchObject({ status: "healthy", ...standIn });
    expect((await luno.get("/api/status")).json["orchestrator"]).toMatchObject({ ...standIn, state: "running" });
  });

  test("GET /api/status has the stories of the catalogue with their state", async () => {
    const { json } = await (await startTestLuno()).get("/api/status");
    expect(json).toMatchObject({ success: true, currentStory: null, queue: [], running: [] });
    expect(json["stories"].find((story: Json) => story["storyId"] === "STORY-003")).toEqual({
      storyId: "STORY-003",
      title: "Depends on the two stories above",
      status: "todo",
      runs: 0,
      queue: "free-tier",
      epicId: "EPIC-001",
      sprintId: "SPRINT-001",
      run: "simulated",
      dependencies: ["STORY-001", "STORY-002"],
    });
    expect(json["agents"]).toMatchObject([{ status: "idle" }, { status: "idle" }]);
  });

  test("GET /api/metrics counts, and says when", async () => {
    const luno = await startTestLuno();
    const stream = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "STORY-001" });
    await stream.status("STORY-001", "done");
    const { json } = await luno.get("/api/metrics");
    expect(new Date(json["lastUpdated"]).toISOString()).toBe(json["lastUpdated"]);
    expect(json).toMatchObject({ executionsStarted: 1, streamClients: 1, stories: { byStatus: { done: 2 } } });
  });

  test("GET /api/logs gives the newest lines, as many as asked for", async () => {
    const luno = await startTestLuno();
    await luno.command("ENQUEUE_STORY", { storyId: "STORY-006" });
    await luno.command("ENQUEUE_STORY", { storyId: "NONE" });
    const messages = async (query: string) =>
      (await luno.get(`/api/logs${query}`)).json["logs"].map((entry: Json) => entry["message"]) as string[];
    expect(await messages("?limit=1")).toEqual(["Cannot enqueue NONE: there is no such story"]);
    expect((await messages("?limit=x")).length).toBe(2);
  });

  test("anything else is 404, as JSON", async () => {
    const { status, json } = await (await startTestLuno()).get("/api/nothing");
    expect([status, json["success"]]).toEqual([404, false]);
  });
});

describe("/ws", () => {
  test("tells a newcomer how things stand", async () => {
    const luno = await startTestLuno({ folder: folderWith([{ storyId: "A", command: ["sleep", "60"] }]) });
    const first = await luno.stream();
    await luno.command("ENQUEUE_STORY", { storyId: "A" });
    await first.status("A", "in_progress");
    const { frames, until } = await luno.stream();
    await until((f) => f["type"] === "AGENT_STATUS");
    expect(frames[0]).toMatchObject({ type: "QUEUE_UPDATE", state: "running", currentStory: "A", running: ["A"] });
    expect(frames[1]).toMatchObject({ type: "AGENT_STATUS", agents: [{ storyId: "A", status: "busy" }, {}] });
  });

  test("drops a client that does not read", async () => {
    const burst = ["sh", "-c", "head -c 240000 /dev/zero | tr '\\0' x | fold -w 2000"];
    const stories = Array.from({ length: 80 }, (_, i) => ({ storyId: `S${i}`, command: burst }));
    const luno = await startTestLuno({ folder: folderWith(stories), agents: 8 });
    await silentClient(luno.port);
    const metrics = async (): Promise<Json> => (await luno.get("/api/metrics")).json;
    expect((await metrics())["streamClients"]).toBe(1);
    for (const { storyId } of stories) await luno.command("ENQUEUE_STORY", { storyId });
    while ((await metrics())["stories"].byStatus.done < stories.length);
    expect((await metrics())["streamClients"]).toBe(0);
  });

  test("is refused to a plain request", async () => {
    expect((await (await startTestLuno()).get("/ws")).status).toBe(400);
  });
});

/** A WebSocket client that shakes hands and then never reads again. */
function silentClient(port: number): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => {
      const key = "dGhlIHNhbXBsZSBub25jZQ==";
      const upgrade = `Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}`;
      socket.write(`GET /ws HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${upgrade}\r\n\r\n`);
    });
    socket.on("error", reject);
    socket.once("data", () => {
      socket.pause();
      resolve(socket);
    });
    atEnd(() => socket.destroy());
  });
}

test("a queue that is full refuses the next story", async () => {
  const stories = Array.from({ length: queueLengthMax + 2 }, (_, i) => ({
    storyId: `S${i}`,
    command: ["sleep", "60"],
  }));
  const luno = await startTestLuno({ folder: folderWith(stories), agents: 1 });
  const stream = await luno.stream();
  await luno.command("ENQUEUE_STORY", { storyId: "S0" });
  await stream.status("S0", "in_progress");
  for (let i = 1; i <= queueLengthMax; i++) await luno.command("ENQUEUE_STORY", { storyId: `S${i}` });
  const { error } = await luno.command("ENQUEUE_STORY", { storyId: `S${queueLengthMax + 1}` });
  expect(error).toContain("the queue is full (256 of 256 places are taken)");
});
