import { describe, expect, test } from "bun:test";
import type { Launcher } from "./launcher.ts";
import { reply } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { gate, newStory, useScene } from "./scene.ts";

const statusPath = "/api/orchestrator/status";

/** What printing a parsed value again would change: numbers, key order, escapes, spacing, duplicate keys. */
const oddJson =
  '{ "b" : 1.0, "a":12345678901234567890,\n "10":1e400, "2":-0, ' +
  '"s":"\\u0041\\/\\ud83d\\ude00é", "b":[ ], "__proto__": {"x":1}, "e":1E2 }';

export function statusSuite(launcher: Launcher): void {
  describe("status", () => {
    const scene = useScene(launcher);
    passthrough(scene);
    trouble(scene);
    jobs(scene);
  });
}

function passthrough(scene: Scene): void {
  test("Podium's JSON passes byte for byte", async () => {
    for (const text of [oddJson, "[1.0]", '"word"', "0.10", "null"]) {
      scene.podium.status = reply.text(text);
      const answer = await scene.get(statusPath);
      expect(answer.status).toBe(200);
      expect(answer.text).toEndWith(`"podium":${text}}`);
      expect(answer.text).toStartWith('{"success":true,"gateway":{');
      expect(scene.podium.requests.at(-1)).toMatchObject({ method: "GET", path: "/api/status", body: "" });
    }
  });

  test("it also passes byte for byte in the answer to a dispatch, the record and the job", async () => {
    scene.podium.next(reply.text(oddJson));
    const { text, json } = await scene.enqueue(newStory());
    expect(text).toContain(`"podium_result":${oddJson}`);
    expect(scene.records(json.audit_id)[1].podium_response).toBe(oddJson);
    expect((await scene.get(`${statusPath}/${json.job_id}`)).text).toContain(`"podium_result":${oddJson}`);
  });

  test("the gateway's part says how things stand", async () => {
    const { gateway } = (await scene.get(statusPath)).json;
    expect(gateway.version).toMatch(/^\d+\.\d+\.\d+/);
    expect(gateway.audit.seq).toBe(scene.gateway.records().at(-1).seq);
    expect(gateway.audit.hash).toBe(scene.gateway.records().at(-1).hash);
  });

  test("many who ask at once cost Podium one answer", async () => {
    const hold = gate();
    scene.podium.status = reply.after(hold.opened, reply.text('{"n":1}'));
    const first = scene.get(statusPath);
    await scene.podium.until(({ requests }) => requests[0], "the first status request");
    const others = Array.from({ length: 5 }, () => scene.get(statusPath));
    // A later request on another connection shows that the earlier ones have been taken in.
    await scene.get("/health");
    hold.open();
    for (const answer of await Promise.all([first, ...others])) expect(answer.json.podium).toEqual({ n: 1 });
    expect(scene.podium.requests.length).toBeLessThan(6);
  });
}

function trouble(scene: Scene): void {
  test("a Podium that is down, and the gateway's part with it", async () => {
    await scene.podium.down();
    const answer = await scene.get(statusPath);
    expectProblem(answer, { status: 502, code: "podium_unreachable", retry: "safe" });
    expect(answer.json.gateway.audit.state).toBe("open");
    expect((await scene.get("/health")).json).toEqual({ success: true, status: "ok" });
    await scene.podium.up();
    expect((await scene.get(statusPath)).status).toBe(200);
  });

  test("a Podium that answers 500, garbage or nothing gives the reason", async () => {
    for (const [status, words] of [
      [reply.text('{"error":"no disk"}', 500), "no disk"],
      [reply.text("<html>"), "<html>"],
      [reply.close(), ""],
    ] as const) {
      scene.podium.status = status;
      const answer = await scene.get(statusPath);
      expect(answer.status).toBe(502);
      expect(answer.json.retry).toBe("safe");
      expect(answer.json.detail).toContain(words);
      expect(answer.json.gateway.version).toBeString();
    }
  });

  test("HEAD tells of the length that GET has, and sends nothing of it", async () => {
    const unknown = "/api/orchestrator/status/JOB-20200101-001";
    for (const path of ["/", "/docs", "/docs/style.css", "/openapi.json", "/.well-known/jwks.json", unknown]) {
      const [whole, head] = [await scene.get(path), await scene.call({ method: "HEAD", path })];
      expect({ path, status: head.status, text: head.text }).toEqual({ path, status: whole.status, text: "" });
      const length = Number(head.headers.get("content-length"));
      expect({ path, length }).toEqual({ path, length: Buffer.byteLength(whole.text) });
    }
  });

  test("a status is a look: it leaves nothing in the log", async () => {
    const before = scene.gateway.auditLines().length;
    await scene.get(statusPath);
    expect(scene.gateway.auditLines()).toHaveLength(before);
  });
}

function jobs(scene: Scene): void {
  test("a job tells what became of it, live and after a restart", async () => {
    const story = newStory();
    scene.podium.next(reply.text('{"success":true,"position":1.0}'));
    const { json } = await scene.enqueue(story);
    const path = `${statusPath}/${json.job_id}`;
    const first = (await scene.get(path)).json;
    expect(first).toMatchObject({
      success: true,
      job_id: json.job_id,
      audit_id: json.audit_id,
      action: "enqueue_story",
      story_id: story,
      source: "e2e",
      user_id: "mark",
      status: "queued",
      podium_status: null,
      receipt: json.receipt,
      last_event: null,
    });
    expect(Date.parse(first.updated_at)).toBeGreaterThanOrEqual(Date.parse(first.created_at));

    const frame = `{"type":"STORY_STATUS", "storyId":"${story}","status":"in_progress","progress":0.10}`;
    (await scene.podium.telemetry()).text(frame);
    await scene.word(json.job_id, "in_progress");
    const live = await scene.get(path);
    expect(live.text).toContain(`"last_event":${frame}`);
    await scene.restart("kill");
    const after = await scene.get(path);
    expect(after.json).toEqual({
      ...live.json,
      stream_url: live.json.stream_url.replace(/:\d+/, `:${scene.gateway.port}`),
    });
    expect(after.text).toContain('"podium_result":{"success":true,"position":1.0}');
    expect(after.text).toContain(`"last_event":${frame}`);
  });

  test("a job that is on its way is pending", async () => {
    const hold = gate();
    scene.podium.next(reply.after(hold.opened, reply.text('{"success":true}')));
    const story = newStory();
    const answer = scene.enqueue(story);
    // Readable in the file a moment before it is durable; Podium is asked only after that.
    await scene.podium.commandsSeen(1);
    const { job_id } = await scene.recorded(
      ({ event, story_id }) => event === "intent" && story_id === story,
      "the intent",
    );
    expect((await scene.get(`${statusPath}/${job_id}`)).json).toMatchObject({ status: "pending", podium_result: null });
    hold.open();
    expect((await answer).status).toBe(200);
    expect((await scene.get(`${statusPath}/${job_id}`)).json.status).toBe("queued");
  });

  test("a job that is not there, and what can't be a job", async () => {
    for (const id of ["JOB-20200101-001", "JOB-20991231-99999"]) {
      expectProblem(await scene.get(`${statusPath}/${id}`), { status: 404, code: "not_found", retry: "never" });
    }
    for (const id of ["STORY-001", "JOB-1-1", "JOB-20260109-1", "%00", `JOB-20260109-${"9".repeat(99)}`]) {
      expectProblem(await scene.get(`${statusPath}/${id}`), { status: 400, code: "invalid_request", retry: "never" });
    }
  });
}
