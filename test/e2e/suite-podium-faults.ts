import { describe, expect, test } from "bun:test";
import type net from "node:net";
import type { Json } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import type { Reply } from "./podium-stub.ts";
import { reply, yes } from "./podium-stub.ts";
import type { Scene } from "./scene.ts";
import { newStory, useScene } from "./scene.ts";

interface Fault {
  readonly name: string;
  readonly reply: Reply;
  readonly status: number;
  readonly code: string;
  readonly retry: string;
  /** What the audit log says became of it. */
  readonly result: "rejected" | "unknown";
  /** Podium's own words, or what is said in their place. */
  readonly words: string;
  readonly httpStatus?: number;
}

/** Podium said no, for certain. */
const refusals = [
  {
    name: "success:false under 200",
    reply: reply.text('{"success":false,"error":"Story is done"}'),
    words: "Story is done",
  },
  { name: "success:false without words", reply: reply.text('{"success":false}'), words: "success" },
  { name: "400", reply: reply.text('{"error":"No such type"}', 400), words: "400: No such type", httpStatus: 400 },
  { name: "401", reply: reply.text('{"message":"Bad token"}', 401), words: "401: Bad token", httpStatus: 401 },
  { name: "404 in plain text", reply: reply.text("nope", 404, "text/plain"), words: "404: nope", httpStatus: 404 },
  { name: "409", reply: reply.text('{"error":{"code":7}}', 409), words: '409: {"code":7}', httpStatus: 409 },
].map((one): Fault => ({
  status: 502,
  code: "podium_rejected",
  retry: "safe",
  result: "rejected",
  ...one,
}));

/** What became of the command can't be told from what came back. */
const unknowns = [
  {
    name: "500",
    reply: reply.text('{"error":"boom in line 7"}', 500),
    words: "500: boom in line 7",
    httpStatus: 500,
  },
  { name: "503 without a body", reply: reply.text("", 503), words: "503", httpStatus: 503 },
  {
    name: "garbage under 200",
    reply: reply.text("<html>It works!</html>"),
    words: "<html>It works!</html>",
    httpStatus: 200,
  },
  { name: "an empty 200", reply: reply.text(""), words: "empty answer", httpStatus: 200 },
  { name: "half a JSON text", reply: reply.text('{"success":'), words: '{"success":', httpStatus: 200 },
  { name: "a closed connection", reply: reply.close(), words: "" },
  { name: "a reset connection", reply: reply.reset(), words: "" },
  { name: "a close in the middle of the answer", reply: reply.cut('{"success":true}'), words: "" },
  { name: "a close in the middle of a chunked answer", reply: reply.cutChunked('{"success":true}'), words: "" },
  {
    name: "an answer of 5 MB",
    reply: reply.text(`{"success":true,"x":"${"x".repeat(5_000_000)}"}`),
    words: "longer than",
  },
].map((one): Fault => {
  return {
    status: 502,
    code: "podium_invalid_response",
    retry: "same-key",
    result: "unknown",
    ...one,
  };
});

export function podiumFaultsSuite(launcher: Launcher): void {
  describe("a Podium in trouble", () => {
    const scene = useScene(launcher);
    for (const fault of [...refusals, ...unknowns]) {
      test(`${fault.name} is ${fault.result}: said, recorded, and never sent again`, async () => {
        scene.podium.next(fault.reply);
        const answer = await scene.enqueue(newStory());
        const { json } = answer;
        expectProblem(answer, { status: fault.status, code: fault.code, retry: fault.retry });
        expect(json.detail).toContain(fault.words);
        expect(scene.podium.commands).toHaveLength(1);
        expectOutcome(scene, json, { result: fault.result, code: fault.code, retry: fault.retry });
        if (fault.httpStatus !== undefined) expect(scene.records(json.audit_id)[1].http_status).toBe(fault.httpStatus);
        const job = (await scene.get(`/api/orchestrator/status/${json.job_id}`)).json;
        expect(job).toMatchObject({ success: true, job_id: json.job_id, status: fault.result, code: fault.code });
        expect(scene.podium.commands).toHaveLength(1);
      });
    }
    redirects(scene);
    unreachable(scene);
    keptOpen(scene);
  });
  timeouts(launcher);
}

function expectOutcome(scene: Scene, { audit_id, job_id }: Json, wanted: Json): void {
  const records = scene.records(audit_id);
  expect(records.map(({ event }) => event)).toEqual(["intent", "outcome"]);
  expect(records[1]).toMatchObject({ job_id, ...wanted });
}

function redirects(scene: Scene): void {
  for (const status of [301, 302, 307, 308]) {
    test(`a ${status} is not followed`, async () => {
      scene.podium.next(reply.redirect(status, `${scene.podium.url}/elsewhere`));
      const answer = await scene.enqueue(newStory());
      expectProblem(answer, { status: 502, code: "podium_invalid_response", retry: "same-key" });
      expect(answer.json.detail).toContain(String(status));
      expect(scene.podium.requests.map(({ path }) => path)).not.toContain("/elsewhere");
      expect(scene.podium.commands).toHaveLength(1);
    });
  }
}

function unreachable(scene: Scene): void {
  test("a Podium that is down: nothing was executed, and a retry is safe and works", async () => {
    await scene.podium.down();
    const story = newStory();
    const answer = await scene.enqueue(story);
    expectProblem(answer, { status: 502, code: "podium_unreachable", retry: "safe" });
    expectOutcome(scene, answer.json, { result: "failed", code: "podium_unreachable" });
    const halt = await scene.dispatch({ action: "halt" });
    expectProblem(halt, { status: 502, code: "podium_unreachable", retry: "safe" });
    await scene.podium.up();
    expect((await scene.enqueue(story)).status).toBe(200);
    expect(scene.podium.commands).toHaveLength(1);
  });
}

/** Podium keeps connections open. Whatever it does to one, a command on it is never sent a second time. */
function keptOpen(scene: Scene): void {
  for (const [name, fault] of [
    ["closes", reply.close()],
    ["resets", reply.reset()],
    ["closes after half a head", (socket: net.Socket) => void socket.end("HTTP/1.1 200 O")],
  ] as const) {
    test(`a command on a kept-open connection that Podium ${name} reaches it once`, async () => {
      for (let round = 0; round < 5; round++) {
        scene.podium.next(reply.text(yes), fault);
        expect((await scene.enqueue(newStory())).status).toBe(200);
        const story = newStory();
        const answer = await scene.enqueue(story);
        expect(scene.podium.commands.filter(({ body }) => body.includes(story))).toHaveLength(1);
        expectProblem(answer, { status: 502, code: "podium_invalid_response", retry: "same-key" });
      }
      expect(scene.podium.commands).toHaveLength(10);
    });
  }

  test("a connection that Podium has closed while it was idle is not used for the next command", async () => {
    for (let round = 0; round < 20; round++) {
      scene.podium.next((socket, seen) => {
        void reply.text(yes)(socket, seen);
        socket.end();
      });
      expect((await scene.enqueue(newStory())).status).toBe(200);
    }
    expect(scene.podium.commands).toHaveLength(20);
  });
}

function timeouts(launcher: Launcher): void {
  describe("a slow Podium", () => {
    const scene = useScene(launcher, { settings: { "podium.timeout_ms": "300" } });
    test("an answer that does not come in time leaves the outcome unknown", async () => {
      scene.podium.next(reply.hang());
      const answer = await scene.enqueue(newStory());
      expectProblem(answer, { status: 504, code: "podium_timeout", retry: "same-key" });
      expectOutcome(scene, answer.json, { result: "unknown", code: "podium_timeout", retry: "same-key" });
      expect(scene.podium.commands).toHaveLength(1);
      expect((await scene.enqueue(newStory())).status).toBe(200);
    });

    test("an answer that begins in time and does not end counts as none", async () => {
      scene.podium.next((socket) => void socket.write("HTTP/1.1 200 OK\r\ncontent-length: 16\r\n\r\n{"));
      expectProblem(await scene.enqueue(newStory()), { status: 504, code: "podium_timeout", retry: "same-key" });
      expect(scene.podium.commands).toHaveLength(1);
    });

    test("a slow answer within the time is a good one", async () => {
      scene.podium.next(reply.after(new Promise((resolve) => setTimeout(resolve, 100)), reply.text(yes)));
      expect((await scene.enqueue(newStory())).status).toBe(200);
    });
  });
}
