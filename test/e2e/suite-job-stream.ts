import { describe, expect, test } from "bun:test";
import type { Launcher } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { gate, listen, newStory, streamPath, useScene } from "./scene.ts";
import type { SocketClient } from "./socket-client.ts";

export function jobStreamSuite(launcher: Launcher): void {
  describe("the stream of a job", () => {
    const scene = useScene(launcher);
    jobStreams(scene);
    recordedEnds(scene);
    successors(scene);
    plans(scene);
  });
  describe("the stream of a job where no types tell of stories", () => {
    const scene = useScene(launcher, { settings: { "stream.types": '["QUEUE_UPDATE"]' } });
    withoutFrames(scene);
  });
}

const podiumTypes = ["QUEUE_UPDATE", "STORY_STATUS", "AGENT_STATUS"];
const status = (story: string, word: string): string =>
  `{"type":"STORY_STATUS", "storyId":"${story}","status":"${word}"}`;

/** Our own word about how the job ended, and that nothing came after it. */
async function outcomeIn(client: SocketClient): Promise<object> {
  expect((await client.closed).code).toBe(1000);
  return JSON.parse(client.frames.at(-1)!) as object;
}

function jobStreams(scene: Scene): void {
  test("a job's stream holds its story's frames only, and ends with 1000 after the last", async () => {
    const [story, other] = [newStory(), newStory()];
    const { json } = await scene.enqueue(story);
    const client = await listen(scene, `/${json.job_id}`);
    const own = [status(story, "queued"), status(story, "in_progress"), status(story, "done")];
    scene.podium.emit(status(other, "done"));
    scene.podium.emit('{"type":"QUEUE_UPDATE","queue":[]}');
    for (const text of own) scene.podium.emit(text);
    expect((await client.closed).code).toBe(1000);
    expect(client.texts(podiumTypes)).toEqual(own);
    await scene.word(json.job_id, "done");
    const late = await scene.socket(`${streamPath}/${json.job_id}`);
    expect((await late.closed).code).toBe(1000);
    expect(late.texts(podiumTypes)).toEqual([own[2]!]);
  });

  test("whoever joins in the middle first gets what is known", async () => {
    const story = newStory();
    const { json } = await scene.enqueue(story);
    scene.podium.emit(status(story, "in_progress"));
    await scene.word(json.job_id, "in_progress");
    const client = await listen(scene, `/${json.job_id}`);
    scene.podium.emit(status(story, "failed"));
    expect((await client.closed).code).toBe(1000);
    expect(client.texts(podiumTypes)).toEqual([status(story, "in_progress"), status(story, "failed")]);
  });

  test("the stream of a job that never ran ends at once", async () => {
    scene.podium.next(reply.text('{"success":false,"error":"no"}'));
    const { json } = await scene.enqueue(newStory());
    expect((await (await scene.socket(`${streamPath}/${json.job_id}`)).closed).code).toBe(1000);
  });

  test("the stream of a job that is not there is a 404", async () => {
    const headers = {
      connection: "Upgrade",
      upgrade: "websocket",
      "sec-websocket-version": "13",
      "sec-websocket-key": "eA==",
    };
    const answer = await scene.call({ path: `${streamPath}/JOB-20200101-001`, headers });
    expectProblem(answer, { status: 404, code: "not_found", retry: "never" });
  });
}

/** A dispatch that waits at Podium for its answer, and its job's stream meanwhile. */
async function waiting(scene: Scene, body: object, answer: string) {
  const { opened, open } = gate();
  scene.podium.next(reply.after(opened, reply.text(answer)));
  const seen = scene.podium.commands.length + 1;
  const answered = scene.dispatch(body);
  await scene.podium.commandsSeen(seen);
  const [job] = (await scene.get("/api/orchestrator/jobs?limit=1")).json.jobs;
  const client = await listen(scene, `/${job.job_id}`);
  return { client, answered, open, jobId: job.job_id as string };
}

function recordedEnds(scene: Scene): void {
  test.each([
    { action: "halt" },
    { action: "status" },
    { action: "cancel_story", payload: { story_id: "STORY-X" } },
    { action: "prepare_apply", payload: { plan_id: "SKOREQ-X" } },
    { action: "apply_plan", payload: { plan_id: "SKOREQ-X", nonce: "n" } },
  ])("of what starts no story ($action) the recorded outcome is the end", async (body) => {
    const { json } = await scene.dispatch(body);
    const client = await scene.socket(`${streamPath}/${json.job_id}`);
    const told = { type: "JOB_OUTCOME", job_id: json.job_id, action: body.action, status: "queued" };
    expect(await outcomeIn(client)).toMatchObject(told);
  });

  test("whoever is there before the outcome is told of it when it is recorded", async () => {
    const body = { action: "cancel_story", payload: { story_id: newStory() } };
    const { client, answered, open, jobId } = await waiting(scene, body, yes);
    open();
    expect(await outcomeIn(client)).toMatchObject({ type: "JOB_OUTCOME", job_id: jobId, status: "queued" });
    await answered;
  });

  test("a story that Podium refuses ends the stream of whoever waits for it", async () => {
    const body = { action: "enqueue_story", payload: { story_id: newStory() } };
    const { client, answered, open } = await waiting(scene, body, '{"success":false,"error":"no such story"}');
    open();
    const told = { type: "JOB_OUTCOME", status: "rejected", code: "podium_rejected" };
    expect(await outcomeIn(client)).toMatchObject(told);
    await answered;
  });
}

function successors(scene: Scene): void {
  test("a newer dispatch of the same story takes it over: the earlier stream ends and says so", async () => {
    const story = newStory();
    const first = (await scene.enqueue(story)).json.job_id;
    const early = await listen(scene, `/${first}`);
    scene.podium.emit(status(story, "in_progress"));
    await scene.word(first, "in_progress");
    const { cursor: from } = (await scene.get("/api/orchestrator/status")).json.gateway.stream;
    const second = (await scene.enqueue(story)).json.job_id;
    const late = await listen(scene, `/${second}`);
    scene.podium.emit(status(story, "done"));
    expect(await outcomeIn(early)).toMatchObject({ type: "JOB_OUTCOME", job_id: first, superseded_by: second });
    expect(early.texts(podiumTypes)).toEqual([status(story, "in_progress")]);
    expect((await late.closed).code).toBe(1000);
    expect(late.texts(podiumTypes)).toEqual([status(story, "done")]);
    const resumed = await scene.socket(`${streamPath}/${first}?since=${from}`);
    expect(await outcomeIn(resumed)).toMatchObject({ superseded_by: second });
    expect(resumed.texts(podiumTypes)).toEqual([]);
    const again = await scene.socket(`${streamPath}/${first}`);
    expect(await outcomeIn(again)).toMatchObject({ superseded_by: second });
    expect(again.texts(podiumTypes)).toEqual([status(story, "in_progress")]);
  });

  test("while a newer dispatch waits, the story's last word is about the one that runs", async () => {
    const story = newStory();
    const first = (await scene.enqueue(story)).json.job_id;
    const early = await listen(scene, `/${first}`);
    scene.podium.emit(status(story, "in_progress"));
    await scene.word(first, "in_progress");
    const other = await waiting(scene, { action: "enqueue_story", payload: { story_id: newStory() } }, yes);
    const answered = scene.enqueue(story);
    const second = (await scene.recorded((r) => r.story_id === story && r.job_id !== first, "the second intent"))
      .job_id;
    await scene.known(second);
    const late = await listen(scene, `/${second}`);
    scene.podium.emit(status(story, "failed"));
    expect((await early.closed).code).toBe(1000);
    expect(early.texts(podiumTypes)).toEqual([status(story, "in_progress"), status(story, "failed")]);
    await scene.word(first, "failed");
    other.open();
    await Promise.all([other.answered, answered]);
    scene.podium.emit(status(story, "done"));
    expect((await late.closed).code).toBe(1000);
    expect(late.texts(podiumTypes)).toEqual([status(story, "done")]);
    await scene.word(second, "done");
  });

  test("a newer dispatch that Podium refuses takes nothing over", async () => {
    const story = newStory();
    const { job_id } = (await scene.enqueue(story)).json;
    const client = await listen(scene, `/${job_id}`);
    scene.podium.next(reply.text('{"success":false,"error":"it is running"}'));
    await scene.enqueue(story);
    scene.podium.emit(status(story, "done"));
    expect((await client.closed).code).toBe(1000);
    expect(client.texts(podiumTypes)).toEqual([status(story, "done")]);
  });
}

function withoutFrames(scene: Scene): void {
  test("its story is followed all the same: its words are on record, and our own tells the end", async () => {
    const story = newStory();
    const { job_id } = (await scene.enqueue(story)).json;
    const client = await listen(scene, `/${job_id}`);
    scene.podium.emit(status(story, "in_progress"));
    await scene.word(job_id, "in_progress");
    scene.podium.emit(status(story, "done"));
    expect(await outcomeIn(client)).toMatchObject({ type: "JOB_OUTCOME", job_id, podium_status: "done" });
    expect(client.texts(podiumTypes)).toEqual([]);
  });
}

function plans(scene: Scene): void {
  test("a plan's stream tells its stories as far as frames name them, also after a restart", async () => {
    const frame = (storyId: string | undefined, word: string, planId?: string): string =>
      JSON.stringify({ type: "STORY_STATUS", storyId, planId, status: word });
    const plan = "SKOREQ-RESTART";
    const { job_id } = (await scene.dispatch({ action: "enqueue_plan", payload: { plan_id: plan } })).json;
    const early = await listen(scene, `/${job_id}`);
    const [a, b] = [newStory(), newStory()];
    const said = [frame(a, "queued", plan), frame(b, "queued", plan), frame(a, "done", plan)];
    for (const text of [frame(newStory(), "queued", "SKOREQ-OTHER"), ...said]) scene.podium.emit(text);
    await early.frame((_, text) => text === said[2], "the last word");
    expect(early.texts(podiumTypes)).toEqual(said);
    await scene.recorded((record) => record.story_id === a && record.podium_status === "done", "the last word");
    await scene.restart("stop");
    const late = await listen(scene, `/${job_id}`);
    // A frame that names only the story: that it is the plan's was said before the restart.
    scene.podium.emit(frame(b, "done"));
    scene.podium.emit(frame(undefined, "done", plan));
    expect((await late.closed).code).toBe(1000);
    expect(late.texts(podiumTypes)).toEqual([said[1]!, said[2]!, frame(b, "done"), frame(undefined, "done", plan)]);
    await scene.word(job_id, "done");
  });
}
