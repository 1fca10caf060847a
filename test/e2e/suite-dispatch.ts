import { beforeAll, describe, expect, test } from "bun:test";
import type { Answer, Json } from "./http-client.ts";
import { verifyToken } from "./jwt.ts";
import type { Launcher } from "./launcher.ts";
import type { Seen } from "./podium-stub.ts";
import { reply, yes } from "./podium-stub.ts";
import type { Scene } from "./scene.ts";
import { gate, newStory, secret, useScene } from "./scene.ts";
import { eventually } from "./watch.ts";

const skoreq = "/api/governance/skoreq";

interface Case {
  readonly action: string;
  readonly payload?: Json;
  readonly path: string;
  /** Undefined: a GET. */
  readonly body?: Json;
}

/** What each action becomes at Podium. */
const cases: readonly Case[] = [
  {
    action: "enqueue_story",
    payload: { story_id: "S-1" },
    path: "/api/command",
    body: {
      type: "ENQUEUE_STORY",
      storyId: "S-1",
    },
  },
  {
    action: "cancel_story",
    payload: { story_id: "S-1" },
    path: "/api/command",
    body: {
      type: "CANCEL_STORY",
      storyId: "S-1",
    },
  },
  { action: "prepare_apply", payload: { plan_id: "P-1" }, path: `${skoreq}/prepare-apply`, body: { planId: "P-1" } },
  {
    action: "apply_plan",
    payload: {
      plan_id: "P-1",
      nonce: "n/0+nce=",
    },
    path: `${skoreq}/apply`,
    body: {
      planId: "P-1",
      nonce: "n/0+nce=",
    },
  },
  { action: "enqueue_plan", payload: { plan_id: "P-1" }, path: `${skoreq}/enqueue`, body: { planId: "P-1" } },
  { action: "halt", path: "/api/command", body: { type: "HALT" } },
  { action: "status", path: "/api/status" },
];

export function dispatchSuite(launcher: Launcher): void {
  describe("dispatch", () => {
    const scene = useScene(launcher, { env: { PODIUM_JWT_SECRET: secret } });
    // A stream that connects while something runs has the gateway ask Podium about it: a request that no test here made.
    beforeAll(async () => {
      const connected = async (): Promise<true | undefined> => {
        const { json } = await scene.get("/api/orchestrator/status");
        return json.gateway.stream.upstream === "connected" ? true : undefined;
      };
      await eventually(connected, "Podium's stream to be connected");
      scene.podium.reset();
    });
    for (const one of cases) {
      test(`${one.action} reaches Podium once, signed, between its two records`, async () => {
        const said = '{ "success": true, "n": 1.0, "id": 12345678901234567890, "z": 0, "a": "\\u00e9" }';
        scene.podium.otherwise = scene.podium.status = reply.text(said);
        const nowS = Math.floor(Date.now() / 1000);
        const answer = await scene.dispatch({
          action: one.action,
          ...(one.payload && { payload: one.payload }),
          source: "command-center",
          auth: { user_id: "mark", session_id: "xxx" },
        });
        expectAnswer(scene, answer, said);
        expect(scene.podium.requests).toHaveLength(1);
        expectRequest(scene.podium.requests[0]!, one);
        expectToken(scene.podium.requests[0]!, one, answer.json, nowS);
        expectRecords(scene, one, answer.json, said);
      });
    }
    shapes(scene);
    numbers(scene);
  });
}

function expectAnswer({ gateway }: Scene, answer: Answer, said: string): void {
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/json");
  expect(answer.text).toContain(`"podium_result":${said}`);
  const { json } = answer;
  const fields = ["audit_id", "job_id", "podium_result", "receipt", "status", "stream_url", "success"];
  expect(Object.keys(json).toSorted()).toEqual(fields);
  expect(json).toMatchObject({ success: true, status: "queued" });
  expect(json.job_id).toMatch(/^JOB-\d{8}-\d{3,}$/);
  expect(json.audit_id).toMatch(/^AUD-[0-9A-HJKMNP-TV-Z]{26}$/);
  expect(json.stream_url).toBe(`ws://127.0.0.1:${gateway.port}/api/orchestrator/stream/${json.job_id}`);
}

function expectRequest(seen: Seen, one: Case): void {
  expect(`${seen.method} ${seen.path}`).toBe(`${one.body ? "POST" : "GET"} ${one.path}`);
  expect(seen.body === "" ? undefined : JSON.parse(seen.body)).toEqual(one.body);
  if (one.body) expect(seen.headers.get("content-type")).toBe("application/json");
}

function expectToken(seen: Seen, one: Case, { audit_id, receipt }: Json, nowS: number): void {
  const { header, claims } = verifyToken(bearerOf(seen), secret);
  expect(header).toEqual({ alg: "HS256", typ: "JWT" });
  expect(claims).toEqual({
    iss: "roxy-core",
    sub: "mark",
    role: one.action === "status" ? "viewer" : "admin",
    iat: claims.iat,
    exp: claims.iat + 60,
    jti: audit_id,
    receipt,
  });
  expect(claims.iat).toBeGreaterThanOrEqual(nowS);
  expect(claims.iat).toBeLessThanOrEqual(Math.floor(Date.now() / 1000));
}

function bearerOf({ headers }: Seen): string {
  return /^Bearer (\S+)$/.exec(headers.get("authorization") ?? "")?.[1] ?? "";
}

function expectRecords(scene: Scene, one: Case, { audit_id, job_id, receipt }: Json, said: string): void {
  const about = { job_id, action: one.action, source: "command-center", user_id: "mark" };
  const [intent, outcome, ...more] = scene.records(audit_id);
  expect(more).toEqual([]);
  expect(intent).toMatchObject({
    v: 1,
    event: "intent",
    ...about,
    ...one.payload,
    session_id: "xxx",
    auth_mode: "local",
    ...receipt,
    podium_request: `${one.body ? "POST" : "GET"} ${one.path}`,
  });
  const { nonce: _, ...ids } = one.payload ?? {};
  expect(outcome).toMatchObject({
    event: "outcome",
    ...about,
    ...ids,
    result: "queued",
    http_status: 200,
    podium_response: said,
  });
  expect(new Date(outcome.timestamp).toISOString()).toBe(outcome.timestamp);
}

function shapes(scene: Scene): void {
  test("options go to Podium verbatim beside the ids, and into the record", async () => {
    const options = { bypass: true, priority: 3, note: "späť · ok", empty: "" };
    const { json } = await scene.dispatch({ action: "enqueue_story", payload: { story_id: "S-2", options } });
    expect(JSON.parse(scene.podium.requests[0]!.body)).toEqual({ ...options, type: "ENQUEUE_STORY", storyId: "S-2" });
    expect(scene.records(json.audit_id)[0].options).toEqual(options);
  });

  test("enqueue_plan hands its nonce on when it has one", async () => {
    await scene.dispatch({ action: "enqueue_plan", payload: { plan_id: "P-2", nonce: "abc" } });
    expect(JSON.parse(scene.podium.requests[0]!.body)).toEqual({ planId: "P-2", nonce: "abc" });
  });

  test("a request without source and auth is recorded as that", async () => {
    const { json } = await scene.dispatch({ action: "halt" });
    expect(verifyToken(bearerOf(scene.podium.requests[0]!), secret).claims.sub).toBe("local");
    const [intent] = scene.records(json.audit_id);
    expect(intent).toMatchObject({ source: "unspecified", auth_mode: "local" });
    expect(intent).not.toHaveProperty("user_id");
    expect(intent).not.toHaveProperty("session_id");
  });

  test("stream_url is made from the request's own Host", async () => {
    const host = `localhost:${scene.gateway.port}`;
    const { json } = await scene.enqueue(newStory(), { host });
    expect(json.stream_url).toBe(`ws://${host}/api/orchestrator/stream/${json.job_id}`);
  });
}

function numbers(scene: Scene): void {
  test("job ids count up by one within the UTC day and are never used twice", async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => scene.enqueue(newStory())));
    const ids = answers.map(({ json }) => json.job_id as string);
    expect(new Set(ids).size).toBe(20);
    const day = ids.at(-1)!.slice(0, 13);
    const sameDay = scene.gateway.records().filter(({ event, job_id }) => event === "intent" && job_id.startsWith(day));
    expect(sameDay.map(({ job_id }) => Number(job_id.slice(13)))).toEqual(sameDay.map((_, index) => index + 1));
    expect(sameDay.at(-1).timestamp.slice(0, 10).replaceAll("-", "")).toBe(day.slice(4, 12));
  });

  test("commands reach Podium one at a time, in the order of arrival", async () => {
    const hold = gate();
    scene.podium.next(reply.after(hold.opened, reply.text(yes)));
    const wanted = Array.from({ length: 5 }, newStory);
    const answers: Promise<Answer>[] = [];
    for (const story of wanted) {
      answers.push(scene.enqueue(story));
      await scene.recorded(
        (record) => record.event === "intent" && record.story_id === story,
        `the intent of ${story}`,
      );
    }
    await scene.podium.commandsSeen(1);
    expect(scene.podium.commands).toHaveLength(1);
    hold.open();
    for (const answer of await Promise.all(answers)) expect(answer.status).toBe(200);
    expect(scene.podium.commands.map(({ body }) => JSON.parse(body).storyId)).toEqual(wanted);
  });
}
