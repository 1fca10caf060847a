import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { Fatal } from "../../src/lib/errors.ts";
import { withoutStrangers } from "../../src/luno/recovery.ts";
import { emptyState } from "../../src/luno/state.ts";
import { storiesMax } from "../../src/luno/story.ts";
import type { Json } from "./luno-under-test.ts";
import { folderWith, startTestLuno, temporaryFolder, endAll, writeStories } from "./luno-under-test.ts";

afterEach(endAll);

const endless = { storyId: "ENDLESS", command: ["sh", "-c", "echo started; exec sleep 60"] };

/** What the state file of a process that vanished looks like: nobody was left to write the end. */
function crashed(folder: string, change: (state: Json) => void): void {
  const file = path.join(folder, "state.json");
  const state = JSON.parse(fs.readFileSync(file, "utf8")) as Json;
  change(state);
  fs.writeFileSync(file, JSON.stringify(state));
}

describe("after a restart", () => {
  test("queued stories are still queued and run", async () => {
    const folder = folderWith([endless, { storyId: "A" }]);
    const first = await startTestLuno({ folder, agents: 1 });
    const before = await first.stream();
    await first.command("ENQUEUE_STORY", { storyId: "ENDLESS" });
    await before.line("ENDLESS", "started");
    await first.command("ENQUEUE_STORY", { storyId: "A" });
    await first.stop();
    const second = await startTestLuno({ folder });
    const after = await second.stream();
    if ((await second.story("A"))["status"] !== "done") await after.status("A", "done");
    expect(await second.story("A")).toMatchObject({ status: "done", runs: 1 });
    expect(await second.story("ENDLESS")).toMatchObject({
      status: "failed",
      message: "luno was stopped while this story ran",
      runs: 1,
    });
  });

  test("a story that was running at a crash is failed with a reason, and is not run again by itself", async () => {
    const folder = folderWith([{ storyId: "A" }, { storyId: "B" }]);
    await (await startTestLuno({ folder })).stop();
    crashed(folder, (state) => {
      state["stories"].A = { status: "in_progress", runs: 1, startedAt: "2026-01-09T08:00:00.000Z" };
    });
    const luno = await startTestLuno({ folder });
    expect(await luno.story("A")).toMatchObject({ status: "failed", runs: 1 });
    expect((await luno.story("A"))["message"]).toContain("luno stopped while this story ran");
    expect((await luno.command("ENQUEUE_STORY", { storyId: "A" }))["error"]).toContain("it is failed");
  });

  test("a halt still holds", async () => {
    const folder = folderWith([{ storyId: "A" }]);
    const first = await startTestLuno({ folder });
    await first.command("HALT");
    await first.stop();
    const second = await startTestLuno({ folder });
    expect((await second.get("/api/status")).json["orchestrator"]).toMatchObject({
      state: "halted",
      haltedBy: "anonymous",
    });
    expect((await second.command("ENQUEUE_STORY", { storyId: "A" }))["error"]).toContain("halted");
  });

  test("an applied plan is still applied, and its waiting stories go on", async () => {
    const folder = temporaryFolder();
    const first = await startTestLuno({ folder });
    const planId = "SKOREQ-XXX";
    const { nonce } = await first.skoreq("prepare-apply", { planId });
    await first.skoreq("apply", { planId, nonce });
    await first.skoreq("enqueue", { planId });
    await first.stop();
    fs.rmSync(path.join(folder, "plans"), { recursive: true });
    const second = await startTestLuno({ folder });
    const { json } = await second.get("/api/status");
    expect(json["plans"]).toMatchObject([{ planId, status: "running" }]);
    expect((await second.skoreq("apply", { planId, nonce }))["error"]).toContain("this nonce is not known");
  });

  test("a story that was missing from the catalogue for one start does not run a second time", async () => {
    const folder = folderWith([{ storyId: "A" }, { storyId: "B" }]);
    const first = await startTestLuno({ folder });
    const stream = await first.stream();
    await first.command("ENQUEUE_STORY", { storyId: "A" });
    await stream.status("A", "done");
    await first.stop();
    crashed(folder, (state) => {
      state["stories"].B = { status: "in_progress", runs: 1 };
    });
    const catalogue = path.join(folder, "catalogue.json");
    const whole = fs.readFileSync(catalogue);
    writeStories(catalogue, {}, [{ storyId: "C" }]);
    const second = await startTestLuno({ folder });
    const { json } = await second.get("/api/status");
    expect(json["stories"]).toMatchObject([{ storyId: "C" }]);
    await second.stop();
    fs.writeFileSync(catalogue, whole);
    const third = await startTestLuno({ folder });
    expect(await third.story("A")).toMatchObject({ status: "done", runs: 1 });
    expect(await third.story("B")).toMatchObject({ status: "failed", runs: 1 });
    expect((await third.command("ENQUEUE_STORY", { storyId: "A" }))["error"]).toContain("it is done");
  });

  test("of stories that have left, as many are kept as there may be, the last; those that only waited are not", () => {
    const at = (i: number): string => new Date(i).toISOString();
    const ended = Array.from({ length: storiesMax + 1 }, (_, i) => [
      `S-${i}`,
      { status: "done", runs: 1, endedAt: at(i) },
    ]);
    const waiting = { status: "queued", runs: 0 };
    const again = { status: "queued", runs: 1, queuedAt: at(storiesMax + 1) };
    const stories = Object.fromEntries([...ended.toReversed(), ["NEW", waiting], ["AGAIN", again]]);
    const { state, gone } = withoutStrangers({ ...emptyState, stories }, []);
    expect(gone).toHaveLength(storiesMax + 3);
    expect(Object.keys(state.stories)).toHaveLength(storiesMax);
    const kept = ["S-0", "S-1", "S-2", "NEW", "AGAIN"].map((id) => state.stories[id]?.status);
    expect(kept).toEqual([undefined, undefined, "done", undefined, "failed"]);
  });

  test("a story that was taken out of the catalogue while it waited is forgotten, the rest goes on", async () => {
    const folder = folderWith([{ storyId: "A" }]);
    const first = await startTestLuno({ folder });
    await first.command("HALT");
    await first.stop();
    crashed(folder, (state) => {
      state["stories"].GONE = { status: "queued", runs: 0 };
      state["queue"].push({ storyId: "GONE", enqueuedAt: "x", enqueuedBy: "mark", bypassDependencies: false });
    });
    const { json } = await (await startTestLuno({ folder })).get("/api/status");
    expect(json["queue"]).toEqual([]);
  });
});

describe("startLuno refuses", () => {
  const refusal = async (options: Parameters<typeof startTestLuno>[0]): Promise<Fatal> => {
    const error: unknown = await startTestLuno(options).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(Fatal);
    return error as Fatal;
  };

  test("a folder that another luno uses", async () => {
    const { folder } = await startTestLuno();
    expect((await refusal({ folder })).message).toContain(`another luno is using ${folder}`);
  });

  test("a port that is taken, and leaves the folder free", async () => {
    const { port } = await startTestLuno();
    const folder = temporaryFolder();
    const { message, exitCode } = await refusal({ folder, port });
    expect(message).toContain(`Cannot start luno: port ${port} on 127.0.0.1 is in use`);
    expect(exitCode).toBe(1);
    await startTestLuno({ folder });
  });

  test("a broken catalogue, naming file and place", async () => {
    const folder = folderWith([{ storyId: "A", queue: "fast" }]);
    const { message } = await refusal({ folder });
    expect(message).toStartWith(`Cannot use ${folder}/catalogue.json: at /epics/0/sprints/0/stories/0/queue`);
  });

  test("a broken state file", async () => {
    const folder = folderWith([{ storyId: "A" }]);
    fs.writeFileSync(path.join(folder, "state.json"), '{"version":2}');
    expect((await refusal({ folder })).message).toContain(`Cannot use ${folder}/state.json: at /version`);
  });

  test("to listen beyond this machine without a token", async () => {
    expect((await refusal({ host: "0.0.0.0" })).message).toContain("anybody could start stories");
    await startTestLuno({ host: "0.0.0.0", secret: "a secret of thirty-two bytes, at least" });
  });
});
