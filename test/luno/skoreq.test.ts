import { afterEach, expect, test } from "bun:test";
import type { Json } from "./luno-under-test.ts";
import { startTestLuno, endAll } from "./luno-under-test.ts";

afterEach(endAll);

const planId = "SKOREQ-XXX";
const ids = [1, 2, 3, 4].map((n) => `SKOREQ-XXX-EPIC-001-STORY-00${n}`);

test("a plan is prepared, applied with its nonce and enqueued, and all its stories run to done in order", async () => {
  const luno = await startTestLuno();
  const stream = await luno.stream();
  const prepared = await luno.skoreq("prepare-apply", { planId });
  expect(prepared).toMatchObject({ success: true, planId });
  expect(prepared["staged"].stories.map((story: Json) => story["storyId"])).toEqual(ids);
  expect(Date.parse(prepared["expiresAt"] as string)).toBeGreaterThan(Date.now());
  const { nonce } = prepared;
  expect(await luno.skoreq("apply", { planId, nonce })).toMatchObject({ success: true, planId, stories: ids });
  expect((await luno.story(ids[0]!))["status"]).toBe("todo");
  expect(await luno.skoreq("enqueue", { planId, nonce })).toMatchObject({
    success: true,
    planId,
    queued: [ids[0]],
    waiting: ids.slice(1),
    refused: [],
  });
  await Promise.all(ids.map((id) => stream.status(id, "done")));
  const steps = stream.frames
    .filter((f) => f["type"] === "STORY_STATUS" && ["in_progress", "done"].includes(f["status"] as string))
    .map((f) => `${f["storyId"]} ${f["status"]}`);
  for (const second of [ids[1], ids[2]]) {
    expect(steps.indexOf(`${ids[0]} done`)).toBeLessThan(steps.indexOf(`${second} in_progress`));
    expect(steps.indexOf(`${second} done`)).toBeLessThan(steps.indexOf(`${ids[3]} in_progress`));
  }
  expect(steps.length).toBe(2 * ids.length);
  const { json } = await luno.get("/api/status");
  expect(json["plans"].find((plan: Json) => plan["planId"] === planId)).toMatchObject({ status: "done", stories: ids });
});

test("a second use of the nonce is refused, and enqueueing the plan again runs nothing twice", async () => {
  const luno = await startTestLuno();
  const stream = await luno.stream();
  const { nonce } = await luno.skoreq("prepare-apply", { planId });
  await luno.skoreq("apply", { planId, nonce });
  expect(await luno.skoreq("apply", { planId, nonce })).toEqual({
    success: false,
    error: "Cannot apply SKOREQ-XXX: this nonce was used already",
    planId,
  });
  await luno.skoreq("enqueue", { planId });
  await luno.skoreq("enqueue", { planId });
  await Promise.all(ids.map((id) => stream.status(id, "done")));
  expect(await luno.skoreq("enqueue", { planId })).toMatchObject({
    success: false,
    error: "Cannot enqueue plan SKOREQ-XXX: it is done (all 4 stories)",
  });
  for (const id of ids) expect((await luno.story(id))["runs"]).toBe(1);
});

test("a plan's story that fails leaves the ones behind it waiting, and the queue says for what", async () => {
  const luno = await startTestLuno();
  const stream = await luno.stream();
  const nightly = { planId: "SKOREQ-NIGHTLY" };
  const { nonce } = await luno.skoreq("prepare-apply", nightly);
  await luno.skoreq("apply", { ...nightly, nonce });
  await luno.skoreq("enqueue", nightly);
  const failing = "SKOREQ-NIGHTLY-EPIC-001-STORY-002";
  await stream.status(failing, "failed");
  const { json } = await luno.get("/api/status");
  expect(json["queue"]).toMatchObject([
    { storyId: "SKOREQ-NIGHTLY-EPIC-001-STORY-003", status: "blocked", waitsFor: [failing] },
  ]);
});

test("the steps out of order are refused in plain words, and a nonce never reaches the stream", async () => {
  const luno = await startTestLuno();
  const stream = await luno.stream();
  expect((await luno.skoreq("enqueue", { planId }))["error"]).toContain("it is not applied");
  expect((await luno.skoreq("apply", { planId }))["error"]).toContain("a nonce is needed");
  expect((await luno.skoreq("prepare-apply", {}))["error"]).toContain("Cannot run skoreq prepare-apply: planId");
  expect((await luno.skoreq("prepare-apply", { planId: "../x" }))["error"]).toContain("planId");
  const { nonce } = await luno.skoreq("prepare-apply", { planId });
  await luno.skoreq("apply", { planId, nonce });
  await stream.until((f) => f["type"] === "COMMAND_RESULT" && f["command"] === "APPLY" && f["success"] === true);
  expect(JSON.stringify(stream.frames)).not.toContain(nonce);
});

test("the status tells which plans are there and how far they are", async () => {
  const luno = await startTestLuno();
  const status = async (): Promise<string> => {
    const { json } = await luno.get("/api/status");
    return json["plans"].find((plan: Json) => plan["planId"] === planId)["status"] as string;
  };
  expect(await status()).toBe("available");
  const { nonce } = await luno.skoreq("prepare-apply", { planId });
  expect(await status()).toBe("staged");
  await luno.skoreq("apply", { planId, nonce });
  expect(await status()).toBe("applied");
  await luno.skoreq("enqueue", { planId });
  expect(await status()).toBe("running");
});
