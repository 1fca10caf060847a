import { describe, expect, test } from "bun:test";
import net from "node:net";
import type { Answer } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { dispatchPath, enqueueBody, gate, newStory, useScene } from "./scene.ts";
import { eventually } from "./watch.ts";

export function idempotencySuite(launcher: Launcher): void {
  describe("an Idempotency-Key", () => {
    const scene = useScene(launcher, { settings: { "podium.timeout_ms": "300" } });
    replays(scene);
    conflicts(scene);
    fates(scene);
    unknowns(scene);
    unparsed(scene);
  });
  underLimits(launcher);
  overRestarts(launcher);
}

let keys = 0;

interface Keyed {
  readonly story: string;
  readonly headers: { readonly "idempotency-key": string };
}

/** A story and a key of its own for one test. */
function pair(): Keyed {
  return { story: newStory(), headers: { "idempotency-key": `key-${++keys}` } };
}

function expectReplay(again: Answer, first: Answer): void {
  expect(again.status).toBe(first.status);
  expect(again.headers.get("idempotency-replayed")).toBe("true");
  expect(again.json).toEqual(first.json);
}

/** Bun answers such a connection with a bare 400, or not at all, although it has handed a request to us; Deno as it should. */
function unparsed(scene: Scene): void {
  const safeAfter = async (requests: readonly Keyed[], bytes: string): Promise<void> => {
    // Only a problem of ours says that nothing was executed.
    expect(await firstWordTo(scene, bytes)).not.toContain("application/problem+json");
    for (const { story, headers } of requests) {
      const taken = async () => (await scene.enqueue(story, headers)).status === 200 || undefined;
      await eventually(taken, `${story} to be taken`);
    }
    const stories = scene.podium.commands.map(({ body }) => JSON.parse(body).storyId);
    for (const { story } of requests) expect(stories.filter((id) => id === story)).toHaveLength(1);
  };

  test("makes it safe to repeat two requests that were sent in one packet, whatever was answered", async () => {
    const both = [pair(), pair()];
    await safeAfter(both, both.map((one) => written(scene, one)).join(""));
  });

  test.each(["\r\n", "\n"])("makes it safe to repeat a request that %j stood behind", async (line) => {
    const one = pair();
    await safeAfter([one], written(scene, one) + line);
  });

  test("makes it safe to repeat a request in chunks with a trailer behind them", async () => {
    const one = pair();
    await safeAfter([one], written(scene, one, "x-sum: 1\r\n"));
  });
}

/** @param trailer makes the body one chunk, with this behind it */
function written(scene: Scene, { story, headers }: Keyed, trailer?: string): string {
  const body = JSON.stringify(enqueueBody(story));
  const isPlain = trailer === undefined;
  const fields = {
    host: `127.0.0.1:${scene.gateway.port}`,
    "content-type": "application/json",
    ...(isPlain ? { "content-length": body.length } : { "transfer-encoding": "chunked" }),
    ...headers,
  };
  const head = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  const content = isPlain ? body : `${body.length.toString(16)}\r\n${body}\r\n0\r\n${trailer}\r\n`;
  return `POST ${dispatchPath} HTTP/1.1\r\n${head.join("")}\r\n${content}`;
}

/** Empty when the connection is closed without one. */
function firstWordTo({ gateway }: Scene, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(gateway.port, "127.0.0.1", () => void socket.write(bytes));
    socket.on("data", (chunk: Buffer) => {
      resolve(chunk.toString("latin1"));
      socket.destroy();
    });
    socket.on("close", () => resolve("")).on("error", reject);
  });
}

function replays(scene: Scene): void {
  test("the same request again gets the same answer, and Podium no second command", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.text('{"success":true,"n":1.0}'));
    const first = await scene.enqueue(story, headers);
    expect(first.headers.get("idempotency-replayed")).toBeNull();
    const lines = scene.gateway.auditLines().length;
    const again = await scene.enqueue(story, headers);
    expectReplay(again, first);
    expect(again.text).toContain('"podium_result":{"success":true,"n":1.0}');
    const [key] = Object.values(headers);
    expectReplay(await scene.enqueue(story, { "idempotency-key": `"${key}"` }), first);
    const { auth, source, payload, action } = enqueueBody(story);
    expectReplay(await scene.dispatch({ auth, source, payload, action }, { headers }), first);
    expect(scene.podium.commands).toHaveLength(1);
    expect(scene.gateway.auditLines()).toHaveLength(lines);
  });

  test("it survives a stop and a kill -9", async () => {
    const { story, headers } = pair();
    const first = await scene.enqueue(story, headers);
    for (const how of ["stop", "kill"] as const) {
      await scene.restart(how);
      const again = await scene.enqueue(story, headers);
      expect(again.headers.get("idempotency-replayed")).toBe("true");
      expect(again.json).toEqual({ ...first.json, stream_url: again.json.stream_url });
      expect(scene.podium.commands).toHaveLength(1);
    }
  });

  test("of two hundred equal requests at once one is sent, and none gets another answer", async () => {
    const { story, headers } = pair();
    const answers = await Promise.all(Array.from({ length: 200 }, () => scene.enqueue(story, headers)));
    expect(scene.podium.commands).toHaveLength(1);
    expect(new Set(answers.map(({ json }) => json.job_id))).toEqual(new Set([answers[0]!.json.job_id]));
    for (const answer of answers) {
      if (answer.status !== 200) expectProblem(answer, { status: 409, code: "in_flight", retry: "same-key" });
    }
    expect(answers.some(({ status }) => status === 200)).toBe(true);
  });
}

function conflicts(scene: Scene): void {
  test("while the first is on its way the second is told to wait, with the job", async () => {
    const { story, headers } = pair();
    const hold = gate();
    scene.podium.next(reply.after(hold.opened, reply.text(yes)));
    const first = scene.enqueue(story, headers);
    await scene.podium.commandsSeen(1);
    const second = await scene.enqueue(story, headers);
    expectProblem(second, { status: 409, code: "in_flight", retry: "same-key" });
    expect(second.headers.get("retry-after")).toMatch(/^[1-9]\d*$/);
    hold.open();
    expect((await first).json.job_id).toBe(second.json.job_id);
    expect(scene.podium.commands).toHaveLength(1);
  });

  test("the same key with another request is refused", async () => {
    const { story, headers } = pair();
    await scene.enqueue(story, headers);
    for (const body of [enqueueBody(newStory()), { ...enqueueBody(story), source: "other" }, { action: "halt" }]) {
      const answer = await scene.dispatch(body, { headers });
      expectProblem(answer, { status: 422, code: "idempotency_mismatch", retry: "never" });
    }
    expect(scene.podium.commands).toHaveLength(1);
  });
}

function fates(scene: Scene): void {
  test("a refusal of Podium is an answer: it is replayed, not asked for again", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.text('{"success":false,"error":"Story is done"}'));
    const first = await scene.enqueue(story, headers);
    const again = await scene.enqueue(story, headers);
    for (const answer of [first, again]) {
      expectProblem(answer, { status: 502, code: "podium_rejected", retry: "safe" });
      expect(answer.json.detail).toContain("Story is done");
    }
    expect(again.json.job_id).toBe(first.json.job_id);
    expect(scene.podium.commands).toHaveLength(1);
  });

  test("a replayed refusal says that it is one", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.text('{"success":false,"error":"Story is done"}'));
    await scene.enqueue(story, headers);
    expect((await scene.enqueue(story, headers)).headers.get("idempotency-replayed")).toBe("true");
  });

  test("a key is free again when nothing was sent", async () => {
    const { story, headers } = pair();
    await scene.podium.down();
    expectProblem(await scene.enqueue(story, headers), { status: 502, code: "podium_unreachable", retry: "safe" });
    await scene.podium.up();
    const second = await scene.enqueue(story, headers);
    expect(second.status).toBe(200);
    expect(second.headers.get("idempotency-replayed")).toBeNull();
    expect(scene.podium.commands).toHaveLength(1);
  });
}

function unknowns(scene: Scene): void {
  const shown = (story: string, status: string) =>
    reply.text(`{"stories":[{"storyId":"${story}","status":"${status}"}]}`);

  test("after an unknown outcome Podium is asked first: it was started, so it is not sent again", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.close());
    const first = await scene.enqueue(story, headers);
    expectProblem(first, { status: 502, code: "podium_invalid_response", retry: "same-key" });
    scene.podium.status = shown(story, "in_progress");
    const again = await scene.enqueue(story, headers);
    expect(again.status).toBe(200);
    expect(again.json.job_id).toBe(first.json.job_id);
    expect(again.headers.get("idempotency-replayed")).toBe("true");
    expect(scene.podium.commands).toHaveLength(1);
  });

  test("it was not started: after the time that Podium may still take, it is sent", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.hang());
    expectProblem(await scene.enqueue(story, headers), { status: 504, code: "podium_timeout", retry: "same-key" });
    scene.podium.status = shown(story, "todo");
    const sent = await eventually(async () => {
      const answer = await scene.enqueue(story, headers);
      return answer.status === 200 ? answer : undefined;
    }, "the second try to be sent");
    expect(sent.json.status).toBe("queued");
    expect(scene.podium.commands).toHaveLength(2);
  });

  test("Podium can't be asked: nothing is sent, with this key or with none", async () => {
    const { story, headers } = pair();
    scene.podium.next(reply.close());
    await scene.enqueue(story, headers);
    scene.podium.status = reply.text("no", 500);
    expect((await scene.enqueue(story, headers)).json.retry).toBe("same-key");
    expect((await scene.enqueue(story)).status).not.toBe(200);
    expect(scene.podium.commands).toHaveLength(1);
  });
}

function underLimits(launcher: Launcher): void {
  describe("an Idempotency-Key under the limits as they come", () => {
    const scene = useScene(launcher, { defaultLimits: true });
    test("a replay meets neither cooldown nor rate limit", async () => {
      const { story, headers } = pair();
      const first = await scene.enqueue(story, headers);
      for (let i = 0; i < 15; i++) expectReplay(await scene.enqueue(story, headers), first);
      expect(scene.podium.commands).toHaveLength(1);
    });
  });
}

function overRestarts(launcher: Launcher): void {
  describe("a restart in the middle", () => {
    const settings = { "limits.dispatch_per_minute": "3", "limits.story_cooldown_s": "3600" };
    const scene = useScene(launcher, { settings });
    test("of a key's life, of a cooldown and of the minute changes none of them", async () => {
      const { story, headers } = pair();
      const first = await scene.enqueue(story, headers);
      for (const how of ["kill", "stop"] as const) {
        expect((await scene.enqueue(newStory())).status).toBe(200);
        await scene.restart(how);
        const again = await scene.enqueue(story, headers);
        expectReplay(again, { ...first, json: { ...first.json, stream_url: again.json.stream_url } });
        const rested = await scene.enqueue(story);
        expectProblem(rested, { status: 429, code: "story_cooldown", retry: "safe" });
        expect(Number(rested.headers.get("retry-after"))).toBeWithin(3_000, 3_601);
      }
      const fourth = await scene.enqueue(newStory());
      expectProblem(fourth, { status: 429, code: "rate_limited", retry: "safe" });
      expect(Number(fourth.headers.get("retry-after"))).toBeWithin(1, 61);
      expect(scene.podium.commands).toHaveLength(3);
      const intents = scene.gateway.records().filter(({ event }) => event === "intent");
      expect(intents).toHaveLength(3);
    });
  });
}
