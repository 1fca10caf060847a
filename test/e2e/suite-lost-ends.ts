import { afterEach, describe, expect, test } from "bun:test";
import { EventReader } from "./event-reader.ts";
import type { Launcher } from "./launcher.ts";
import { reply } from "./podium-stub.ts";
import type { Scene } from "./scene.ts";
import { listen, newStory, streamPath, useScene } from "./scene.ts";

export function lostEndsSuite(launcher: Launcher): void {
  describe("a story that ends while nobody hears Podium", () => {
    const scene = useScene(launcher);
    const open: EventReader[] = [];
    afterEach(() => {
      for (const reader of open.splice(0)) reader.close();
    });
    outages(scene, async (path) => {
      const reader = await EventReader.open(scene.gateway.baseUrl + path);
      open.push(reader);
      return reader;
    });
    restarts(scene);
  });
}

const podiumTypes = ["QUEUE_UPDATE", "STORY_STATUS", "AGENT_STATUS"];
const status = (story: string, word: string): string =>
  `{"type":"STORY_STATUS", "storyId":"${story}","status":"${word}"}`;

/** Podium's status as it is asked next. */
function nowIs(scene: Scene, ...stories: readonly [storyId: string, status: string][]): void {
  const listed = stories.map(([storyId, word]) => ({ storyId, status: word }));
  scene.podium.status = reply.text(JSON.stringify({ success: true, stories: listed }));
}

/** A story that Podium has said to be running. */
async function running(scene: Scene): Promise<{ story: string; jobId: string }> {
  const story = newStory();
  await scene.podium.telemetry();
  const { job_id: jobId } = (await scene.enqueue(story)).json;
  scene.podium.emit(status(story, "in_progress"));
  await scene.word(jobId, "in_progress");
  return { story, jobId };
}

function outages(scene: Scene, read: (path: string) => Promise<EventReader>): void {
  test.each(["done", "failed"])(
    "its status says how (%s): that is recorded, and the job's streams end with it over both transports",
    async (word) => {
      const { story, jobId } = await running(scene);
      const client = await listen(scene, `/${jobId}`);
      const events = await read(`/api/orchestrator/events/${jobId}`);
      nowIs(scene, [story, word]);
      (await scene.podium.telemetry()).drop();
      expect((await client.closed).code).toBe(1000);
      const told = { type: "JOB_OUTCOME", job_id: jobId, status: "queued", podium_status: word };
      expect(JSON.parse(client.frames.at(-1)!)).toMatchObject(told);
      expect(client.texts(["GAP"])).toHaveLength(1);
      // No frame of Podium's is made up for it.
      expect(client.texts(podiumTypes)).toEqual([status(story, "in_progress")]);
      expect(JSON.parse((await events.type("JOB_OUTCOME")).data)).toMatchObject(told);
      expect(await events.next()).toBeUndefined();
      expect(await scene.word(jobId, word)).toMatchObject({ status: "queued", last_event: { status: "in_progress" } });
      const late = await scene.socket(`${streamPath}/${jobId}`);
      expect((await late.closed).code).toBe(1000);
      expect(JSON.parse(late.frames.at(-1)!)).toMatchObject(told);
    },
  );

  test("of what runs, waits or is not named it says no end: these streams go on to Podium's own last word", async () => {
    const jobs = [];
    for (const word of ["done", "in_progress", "blocked", undefined]) {
      const job = await running(scene);
      jobs.push({ ...job, word, client: await listen(scene, `/${job.jobId}`) });
    }
    nowIs(scene, ...jobs.flatMap(({ story, word }) => (word === undefined ? [] : [[story, word] as [string, string]])));
    (await scene.podium.telemetry()).drop();
    const [ended, ...others] = jobs;
    // The one answer was about all of them.
    await ended!.client.closed;
    for (const { story, client } of others) {
      scene.podium.emit(status(story, "done"));
      expect((await client.closed).code).toBe(1000);
      expect(client.texts(["JOB_OUTCOME"])).toEqual([]);
      expect(client.frames.at(-1)).toBe(status(story, "done"));
    }
  });

  test("a Podium that can't be asked at first is asked again", async () => {
    const { story, jobId } = await running(scene);
    const client = await listen(scene, `/${jobId}`);
    scene.podium.status = reply.text("{}", 503);
    (await scene.podium.telemetry()).drop();
    await client.frame(({ type, podium }) => type === "SNAPSHOT" && podium === null, "the snapshot that is none");
    nowIs(scene, [story, "failed"]);
    expect((await client.closed).code).toBe(1000);
    expect(JSON.parse(client.frames.at(-1)!)).toMatchObject({ type: "JOB_OUTCOME", podium_status: "failed" });
  });
}

function restarts(scene: Scene): void {
  test.each(["stop", "kill"] as const)("also when it was the gateway that was away (%s)", async (how) => {
    const { story, jobId } = await running(scene);
    nowIs(scene, [story, "done"]);
    await scene.restart(how);
    const client = await scene.socket(`${streamPath}/${jobId}`);
    expect((await client.closed).code).toBe(1000);
    expect(JSON.parse(client.frames.at(-1)!)).toMatchObject({ type: "JOB_OUTCOME", podium_status: "done" });
  });
}
