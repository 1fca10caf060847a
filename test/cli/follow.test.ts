import { afterEach, describe, expect, test } from "bun:test";
import { runtime } from "#runtime";
import type { ApiRequest } from "../../src/wire/client.ts";
import { createApi, streamTimes } from "../../src/cli/api.ts";
import type { JobAnswer } from "../../src/cli/answers.ts";
import { serverEvents } from "../../src/cli/event-source.ts";
import type { Notice } from "../../src/cli/follow-events.ts";
import { followEvents } from "../../src/cli/follow-events.ts";
import { jobOutcome, storiesIn } from "../../src/cli/job-outcome.ts";
import { sendDispatch } from "../../src/cli/dispatch-send.ts";
import { messageOf } from "../../src/lib/errors.ts";
import { ExchangeError, heartbeatS } from "../../src/runtime/types.ts";
import { runHere } from "./in-process.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

async function* chunked(text: string, size: number): AsyncGenerator<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What a promise fails with; one that does not fail is the failure. */
function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error("It did not fail"),
    (error: unknown) => error,
  );
}

describe("serverEvents", () => {
  const text =
    ': \n\nid: e:1\ndata: {"a":"é中"}\n\ndata: {\ndata:  "b": 1}\r\n\r\nretry: 5\n\nid: e:2\rdata:x\r\rdata: cut off';

  test.each([1, 2, 3, 7, 1000])("reads events however they are cut (%d bytes)", async (size) => {
    expect(await collect(serverEvents(chunked(text, size)))).toEqual([
      { id: "e:1", data: '{"a":"é中"}' },
      { id: undefined, data: '{\n "b": 1}' },
      { id: "e:2", data: "x" },
    ]);
  });

  test("gives up on a line without an end instead of keeping it", async () => {
    const endless = (async function* () {
      for (;;) yield new Uint8Array(1_000_000).fill(120);
    })();
    expect(messageOf(await failureOf(collect(serverEvents(endless))))).toContain("lines without an end");
  });
});

type Server = ReturnType<typeof Bun.serve>;
let server: Server | undefined;
afterEach(() => void server?.stop(true));

interface Seen {
  readonly query: string;
  readonly lastEventId: string | null;
}

/** Each answer in its turn: a text is a stream of that text, which then ends. */
function serve(...answers: (string | Response)[]): { url: string; seen: Seen[] } {
  const seen: Seen[] = [];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      seen.push({ query: new URL(request.url).search, lastEventId: request.headers.get("last-event-id") });
      const answer = answers.shift() ?? new Response(null, { status: 204 });
      if (typeof answer !== "string") return answer;
      return new Response(answer, { headers: { "content-type": "text/event-stream" } });
    },
  });
  return { url: `http://127.0.0.1:${server.port}`, seen };
}

const hang = new Promise<never>(() => {});
const never = { asked: false, whenAsked: new Promise<void>(() => {}) };
const notOver = (): Promise<boolean> => Promise.resolve(false);
const events = (url: string, lostMs = 60_000, isOver = notOver): AsyncGenerator<Notice> =>
  followEvents(createApi(runtime, { url, warnings: [] }), {
    path: "/e",
    query: { since: "e:5" },
    stop: never,
    lostMs,
    isOver,
  });

describe("followEvents", () => {
  test("comes back with the last id, says so, and ends at 204", async () => {
    const { url, seen } = serve("id: e:6\ndata: a\n\n", "data: b\n\n");
    const notices = await collect(events(url));
    expect(notices.map((notice) => (notice.kind === "frame" ? notice.text : notice.kind))).toEqual([
      "a",
      "lost",
      "back",
      "b",
      "lost",
    ]);
    expect(seen.map(({ lastEventId }) => lastEventId)).toEqual([null, "e:6", "e:6"]);
    expect(seen[0]!.query).toBe("?since=e%3A5");
  });

  test("does not come back when there is nothing more to come", async () => {
    const { url, seen } = serve("data: a\n\n", "data: b\n\n");
    const notices = await collect(events(url, 60_000, () => Promise.resolve(true)));
    expect(notices).toEqual([{ kind: "frame", text: "a" }]);
    expect(seen).toHaveLength(1);
  });

  test("a refusal at first is the end; later it may be a server on its way up", async () => {
    const refusal = (retry: string): Response =>
      Response.json({ success: false, code: "shutting_down", detail: "Going down", retry }, { status: 503 });
    expect(messageOf(await failureOf(collect(events(serve(refusal("safe")).url))))).toContain(
      "Going down (shutting_down)",
    );
    await server?.stop(true);
    const { url } = serve("data: a\n\n", refusal("safe"), "data: b\n\n");
    const texts = (await collect(events(url))).flatMap((notice) => (notice.kind === "frame" ? [notice.text] : []));
    expect(texts).toEqual(["a", "b"]);
  });

  test("a silence that is longer than a heartbeat and a half is a lost connection, and no answer at all is none", async () => {
    server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () =>
        new Response(new ReadableStream({ start: (frames) => frames.enqueue("data: a\n\n"), pull: () => hang }), {
          headers: { "content-type": "text/event-stream" },
        }),
    });
    const url = `http://127.0.0.1:${server.port}`;
    const times = { headMs: 100, idleMs: 100 };
    const options = { path: "/e", stop: never, lostMs: 60_000, isOver: notOver };
    const notices = followEvents(createApi(runtime, { url, warnings: [] }, times), options);
    const seen = [];
    for await (const notice of notices) {
      seen.push(notice.kind === "lost" ? notice.detail : notice.kind);
      if (notice.kind === "back") break;
    }
    expect(seen).toEqual(["frame", "Nothing came for 100 ms", "back"]);
    expect(streamTimes).toEqual({ headMs: 10_000, idleMs: heartbeatS * 1500 });
    await server.stop(true);
    server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => hang });
    const mute = createApi(runtime, { url: `http://127.0.0.1:${server.port}`, warnings: [] }, times);
    const failure = await failureOf(collect(followEvents(mute, options)));
    expect(failure).toMatchObject({ exitCode: 3 });
    expect(messageOf(failure)).toMatch(/takes connections but does not answer \(No answer within 100 ms\)/);
  });

  test("a server that stays away is given up in the end: exit code 3", async () => {
    const { url } = serve("data: a\n\n");
    const notices = events(url, 0);
    expect((await notices.next()).value).toEqual({ kind: "frame", text: "a" });
    expect((await notices.next()).value).toMatchObject({ kind: "lost" });
    expect(await failureOf(notices.next())).toMatchObject({ exitCode: 3 });
  });
});

test("a job that has ended while its gateway restarted has ended as the record says", async () => {
  const words = ["queued", "queued", "done"];
  server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      if (request.headers.get("last-event-id") !== null) return new Response(null, { status: 204 });
      if (request.headers.get("accept") === "text/event-stream") {
        return new Response("id: e:1\ndata: {}\n\n", { headers: { "content-type": "text/event-stream" } });
      }
      const job = { job_id: "JOB-20260109-001", action: "enqueue_story", story_id: "S-1", status: "queued" };
      return Response.json({ success: true, ...job, podium_status: words.shift() });
    },
  });
  const { code, stdout } = await runHere({}, ["watch", "JOB-20260109-001", "--url", `127.0.0.1:${server.port}`]);
  expect(stdout).toEndWith("JOB-20260109-001 (enqueue_story S-1): done\n");
  expect({ code, words }).toEqual({ code: 0, words: [] });
});

describe("sendDispatch", () => {
  const lines: string[] = [];
  const sending = {
    body: { action: "halt" },
    key: "k",
    stop: never,
    tell: (line: string) => lines.push(line),
  } as const;
  const answer = (status: number, json: unknown) => ({ status, text: JSON.stringify(json), json });

  test("asks again under the same key when the answer is lost, and while it is in flight", async () => {
    const keys: (string | undefined)[] = [];
    const answers = [
      () => Promise.reject(new ExchangeError("broken", true, "cut")),
      () => Promise.reject(new ExchangeError("unreachable", false, "restarting")),
      () => Promise.resolve(answer(409, { success: false, code: "in_flight", detail: "" })),
      () => Promise.resolve(answer(200, { success: true })),
    ];
    const send = ({ headers }: ApiRequest) => {
      keys.push(headers["idempotency-key"]);
      return answers.shift()!();
    };
    const api = { ...createApi(runtime, { url: "http://x", warnings: [] }), send };
    expect((await sendDispatch(api, sending)).status).toBe(200);
    expect(keys).toEqual(["k", "k", "k", "k"]);
    expect(lines).toEqual([
      expect.stringMatching(/^Lost the gateway at http:\/\/x .*\(cut\): asking again .* key \(k\)/),
    ]);
  });

  test("a server that is not there is not waited for", async () => {
    const send = () => Promise.reject(new ExchangeError("unreachable", false, "refused"));
    const api = { ...createApi(runtime, { url: "http://x", warnings: [] }), send };
    expect(await failureOf(sendDispatch(api, sending))).toMatchObject({ exitCode: 3 });
  });
});

describe("jobOutcome", () => {
  const story = { job_id: "J", action: "enqueue_story", story_id: "S-1", status: "queued" } as JobAnswer;
  const plan = { job_id: "J", action: "enqueue_plan", plan_id: "P", status: "queued" } as JobAnswer;
  const frame = (fields: object): string => JSON.stringify({ type: "STORY_STATUS", ...fields });

  test("of a story is its own last word", () => {
    const progress = jobOutcome(story, []);
    for (const text of [
      "no json",
      "[]",
      "null",
      frame({ storyId: "S-2", status: "failed" }),
      frame({ storyId: "S-1", status: 7 }),
      frame({ type: "AGENT_STATUS", storyId: "S-1", status: "failed" }),
    ]) {
      progress.take(text);
    }
    progress.take(frame({ storyId: "S-1", status: "in_progress" }));
    expect([progress.outcome, progress.lastWord]).toEqual([undefined, "in_progress"]);
    progress.take(frame({ storyId: "S-1", status: "done" }));
    expect(progress.outcome).toEqual({ good: true, word: "done" });
  });

  test("missed in a gap is found in the snapshot after it", () => {
    const progress = jobOutcome(story, []);
    progress.take(JSON.stringify({ type: "SNAPSHOT", podium: { deep: [{ id: "S-1", status: "cancelled" }] } }));
    expect(progress.outcome).toEqual({ good: false, word: "cancelled" });
  });

  test("of a plan waits for every story, and one bad end is the outcome", () => {
    const progress = jobOutcome(plan, storiesIn({ queued: ["A", 7], waiting: ["B"], alreadyQueued: "no list" }));
    progress.take(frame({ storyId: "A", planId: "P", status: "failed" }));
    expect(progress.outcome).toBeUndefined();
    progress.take(frame({ storyId: "B", planId: "P", status: "done" }));
    expect(progress.outcome).toEqual({ good: false, word: "failed" });
  });

  test("of a plan whose stories nobody named is the plan's own last word", () => {
    const progress = jobOutcome(plan, storiesIn("nothing"));
    progress.take(frame({ storyId: "A", planId: "P", status: "done" }));
    expect(progress.outcome).toBeUndefined();
    progress.take(JSON.stringify({ type: "PLAN_STATUS", planId: "P", status: "completed" }));
    expect(progress.outcome).toEqual({ good: true, word: "completed" });
  });

  const end = (fields: object): string => JSON.stringify({ type: "JOB_OUTCOME", job_id: "J", ...fields });

  test.each([
    ["a plan", plan, "done", { good: true, word: "done" }],
    ["a story", story, "done", { good: true, word: "done" }],
    ["a plan", plan, "failed", { good: false, word: "failed" }],
    ["a plan whose end nobody knows", plan, undefined, { good: false, word: "in_progress" }],
  ])("of %s is what the server's last frame says", (_, job, podium_status, outcome) => {
    const progress = jobOutcome(job, []);
    progress.take(frame({ storyId: "S-1", planId: "P", status: "in_progress" }));
    progress.take(end({ status: "queued", podium_status }));
    expect(progress.outcome).toEqual(outcome);
  });

  test("of a plan that has ended is in the record", () => {
    const progress = jobOutcome(plan, []);
    progress.takeJob({ ...plan, podium_status: "done" });
    expect(progress.outcome).toEqual({ good: true, word: "done" });
  });

  test("of a refused job is the refusal", () => {
    const progress = jobOutcome(story, []);
    progress.takeJob({ ...story, status: "rejected" });
    expect(progress.outcome).toEqual({ good: false, word: "rejected" });
  });
});
