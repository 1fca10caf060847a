import { afterEach, describe, expect, test } from "bun:test";
import { reply } from "./podium-stub.ts";
import type { Launcher } from "./launcher.ts";
import { EventReader } from "./event-reader.ts";
import type { Scene } from "./scene.ts";
import { newStory, useScene, gate } from "./scene.ts";

export function eventsSuite(launcher: Launcher): void {
  describe("server-sent events", () => {
    const scene = useScene(launcher);
    const open: EventReader[] = [];
    const read = async (path: string, lastEventId?: string): Promise<EventReader> => {
      await scene.podium.telemetry();
      const reader = await EventReader.open(scene.gateway.baseUrl + path, lastEventId);
      open.push(reader);
      return reader;
    };
    afterEach(() => {
      for (const reader of open.splice(0)) reader.close();
    });
    frames(scene, read);
    ofOneJob(scene, read);
  });
}

type Read = (path: string, lastEventId?: string) => Promise<EventReader>;

const eventsPath = "/api/orchestrator/events";

function frames(scene: Scene, read: Read): void {
  test("Podium's frames pass unchanged, first the gateway's own word", async () => {
    const events = await read(eventsPath);
    expect(events.status).toBe(200);
    expect(JSON.parse((await events.next())!.data)).toMatchObject({ type: "GATEWAY_STATUS", podium: "connected" });
    const odd = '{ "type":"QUEUE_UPDATE", "n":1.0, "s":"\\u0041é", "big":12345678901234567890 }';
    scene.podium.emit(odd);
    expect((await events.next())!.data).toBe(odd);
  });

  test("a line break inside a frame is only white space to JSON", async () => {
    const events = await read(eventsPath);
    await events.type("GATEWAY_STATUS");
    scene.podium.emit('{"type":"QUEUE_UPDATE",\n"n":2}');
    expect(JSON.parse((await events.next())!.data)).toEqual({ type: "QUEUE_UPDATE", n: 2 });
  });

  test("Last-Event-ID resumes after what was seen, over either transport: nothing twice, nothing missing", async () => {
    const first = await read(eventsPath);
    await first.type("GATEWAY_STATUS");
    for (const n of [1, 2, 3, 4]) scene.podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", n }));
    await first.next();
    const { id } = (await first.next())!;
    first.close();
    const resumed = await read(eventsPath, id);
    const seen = [await resumed.type("QUEUE_UPDATE"), await resumed.type("QUEUE_UPDATE")];
    expect(seen.map(({ data }) => JSON.parse(data).n)).toEqual([3, 4]);
    const socket = await scene.socket(`/api/orchestrator/stream?since=${id}`);
    await socket.frame(({ n }) => n === 4, "the last frame");
    expect(socket.texts(["QUEUE_UPDATE"]).map((text) => JSON.parse(text).n)).toEqual([3, 4]);
  });

  test("a cursor that can't be honoured gets a GAP with a place to go on from, and Podium's status", async () => {
    const events = await read(eventsPath, "0000000000000000:7");
    const gap = await events.type("GAP");
    expect(JSON.parse(gap.data)).toMatchObject({ reason: "cursor", since: "0000000000000000:7", resumeAt: gap.id });
    expect(JSON.parse((await events.type("SNAPSHOT")).data)).toHaveProperty("podium");
  });

  test("a snapshot is never older than its GAP, and says so when there is none", async () => {
    const { opened, open } = gate();
    scene.podium.status = reply.after(opened, reply.text('{"is":"old"}'));
    const before = scene.podium.requests.length;
    const looked = scene.get("/api/orchestrator/status");
    await scene.podium.until(({ requests }) => (requests.length > before ? true : undefined), "the earlier question");
    scene.podium.status = reply.text('{"is":"new"}');
    const fresh = await read(eventsPath, "0000000000000000:7");
    expect(JSON.parse((await fresh.type("SNAPSHOT")).data)).toMatchObject({ podium: { is: "new" } });
    open();
    await looked;
    scene.podium.status = reply.text("down", 500);
    const without = await read(eventsPath, "0000000000000000:7");
    const told = JSON.parse((await without.type("SNAPSHOT")).data);
    expect([told.podium, told.detail]).toEqual([null, expect.stringContaining("Podium can't be asked")]);
  });
}

function ofOneJob(scene: Scene, read: Read): void {
  test("a job's events end with its last, and an EventSource that comes back is told to stay away", async () => {
    const story = newStory();
    const { job_id } = (await scene.enqueue(story)).json;
    const events = await read(`${eventsPath}/${job_id}`);
    await events.type("GATEWAY_STATUS");
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: newStory(), status: "done" }));
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: story, status: "done" }));
    const last = (await events.next())!;
    expect(JSON.parse(last.data)).toMatchObject({ storyId: story, status: "done" });
    expect(await events.next()).toBeUndefined();
    await scene.word(job_id, "done");
    expect((await read(`${eventsPath}/${job_id}`, last.id)).status).toBe(204);
  });

  test("whoever lost the connection before the end hears it, once, also after a restart", async () => {
    const story = newStory();
    const { job_id } = (await scene.enqueue(story)).json;
    const path = `${eventsPath}/${job_id}`;
    const events = await read(path);
    await events.type("GATEWAY_STATUS");
    const said = (status: string): string => JSON.stringify({ type: "STORY_STATUS", storyId: story, status });
    scene.podium.emit(said("in_progress"));
    const { id } = (await events.next())!;
    events.close();
    scene.podium.emit(said("failed"));
    await scene.word(job_id, "failed");
    const resumed = await read(path, id);
    const last = await resumed.type("STORY_STATUS");
    expect([last.data, await resumed.next()]).toEqual([said("failed"), undefined]);
    await scene.restart("kill");
    const late = await read(path, id);
    expect((await late.type("STORY_STATUS")).data).toBe(said("failed"));
    expect(await late.next()).toBeUndefined();
    expect((await read(path, last.id)).status).toBe(204);
  });

  test("an end of which no frame of Podium's tells is heard once, too", async () => {
    const { job_id } = (await scene.dispatch({ action: "halt" })).json;
    const { cursor } = (await scene.get("/api/orchestrator/status")).json.gateway.stream;
    for (const [query, lastEventId] of [["", undefined], ["", cursor], [`?since=${cursor}`]]) {
      const events = await read(`${eventsPath}/${job_id}${query}`, lastEventId);
      const last = await events.type("JOB_OUTCOME");
      expect([await events.next(), last.id]).toEqual([undefined, `${cursor}:end`]);
      expect((await read(`${eventsPath}/${job_id}`, last.id)).status).toBe(204);
    }
  });

  test("the frames of a plan are those that name it", async () => {
    const { job_id } = (await scene.dispatch({ action: "enqueue_plan", payload: { plan_id: "SKOREQ-1" } })).json;
    const events = await read(`${eventsPath}/${job_id}`);
    await events.type("GATEWAY_STATUS");
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "A", planId: "SKOREQ-2", status: "queued" }));
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "B", planId: "SKOREQ-1", status: "done" }));
    scene.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "C", planId: "SKOREQ-1", status: "queued" }));
    expect(JSON.parse((await events.next())!.data).storyId).toBe("B");
    expect(JSON.parse((await events.next())!.data).storyId).toBe("C");
  });
}
