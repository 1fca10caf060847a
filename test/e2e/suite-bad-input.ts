import { describe, expect, test } from "bun:test";
import type { Call } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { dispatchCall, newStory, useScene } from "./scene.ts";

const enqueue = (id: string): string => `{"action":"enqueue_story","payload":{"story_id":${id}},"source":"e2e"}`;
const good = enqueue('"STORY-001"');

interface Bad {
  readonly name: string;
  readonly body: string | Uint8Array;
  /** JSON Pointer of the fault; "" is the whole body. */
  readonly pointer?: string;
  readonly words?: string;
}

const bodies: readonly Bad[] = [
  { name: "not JSON", body: "action=halt", pointer: "", words: "not valid JSON" },
  { name: "an empty body", body: "", pointer: "", words: "empty" },
  { name: "only spaces", body: " \n\t ", pointer: "", words: "empty" },
  { name: "JSON cut off", body: good.slice(0, -1), pointer: "" },
  { name: "two JSON texts", body: good + good, pointer: "" },
  { name: "a trailing comma", body: good.replace(/}$/, ",}"), pointer: "" },
  { name: "a byte order mark", body: `\ufeff${good}`, pointer: "" },
  {
    name: "bytes that are not UTF-8",
    body: Buffer.from(good.replace("STORY", "\xff\xfe"), "latin1"),
    pointer: "",
    words: "UTF-8",
  },
  { name: "an array", body: "[]" },
  { name: "null", body: "null" },
  { name: "a string", body: '"halt"' },
  { name: "an unknown action", body: '{"action":"format_disk"}', pointer: "/action" },
  { name: "no action", body: '{"payload":{"story_id":"STORY-001"}}', pointer: "/action" },
  { name: "an action of another case", body: '{"action":"HALT"}', pointer: "/action" },
  { name: "an action that every object has", body: '{"action":"constructor"}', pointer: "/action" },
  { name: "an unknown key", body: '{"action":"halt","sudo":true}', pointer: "/sudo", words: "Unknown key" },
  {
    name: "an unknown key in the payload",
    body: good.replace('"story_id"', '"force":true,"story_id"'),
    pointer: "/payload/force",
  },
  { name: "an unknown key in auth", body: '{"action":"halt","auth":{"role":"admin"}}', pointer: "/auth/role" },
  {
    name: "another action's id",
    body: '{"action":"enqueue_story","payload":{"story_id":"A","plan_id":"B"}}',
    pointer: "/payload/plan_id",
  },
  { name: "a missing payload", body: '{"action":"enqueue_story"}', pointer: "/payload" },
  { name: "a missing id", body: '{"action":"enqueue_story","payload":{}}', pointer: "/payload/story_id" },
  { name: "a missing nonce", body: '{"action":"apply_plan","payload":{"plan_id":"P"}}', pointer: "/payload/nonce" },
  { name: "an empty id", body: enqueue('""'), pointer: "/payload/story_id" },
  { name: "an id with a slash", body: enqueue('"STORY/001"'), pointer: "/payload/story_id" },
  { name: "an id that climbs", body: enqueue('"../STORY"'), pointer: "/payload/story_id" },
  { name: "an id with a newline", body: enqueue('"STORY\\n001"'), pointer: "/payload/story_id" },
  { name: "an id that ends in a newline", body: enqueue('"STORY-001\\n"'), pointer: "/payload/story_id" },
  { name: "an id with a bare newline", body: enqueue('"STORY\n001"'), pointer: "" },
  { name: "an id with a NUL", body: enqueue('"STORY\\u0000001"'), pointer: "/payload/story_id" },
  { name: "an id with a lone surrogate", body: enqueue('"STORY\\ud800"'), words: "surrogate" },
  { name: "a lone surrogate in the source", body: '{"action":"halt","source":"\\udfff"}', words: "surrogate" },
  { name: "an id of 300 characters", body: enqueue(`"${"S".repeat(300)}"`), pointer: "/payload/story_id" },
  { name: "a number where a string belongs", body: enqueue("1"), pointer: "/payload/story_id" },
  { name: "null where a string belongs", body: enqueue("null"), pointer: "/payload/story_id" },
  { name: "a list where a string belongs", body: enqueue('["STORY-001"]'), pointer: "/payload/story_id" },
  { name: "an object where a string belongs", body: enqueue('{"toString":"STORY-001"}'), pointer: "/payload/story_id" },
  { name: "a number as action", body: '{"action":1}', pointer: "/action" },
  { name: "a source with a newline", body: '{"action":"halt","source":"a\\nb"}', pointer: "/source" },
  { name: "a source of 300 characters", body: `{"action":"halt","source":"${"s".repeat(300)}"}`, pointer: "/source" },
  { name: "a user who is a number", body: '{"action":"halt","auth":{"user_id":7}}', pointer: "/auth/user_id" },
  { name: "deep nesting", body: `${"[".repeat(5000)}${"]".repeat(5000)}`, words: "nested" },
  { name: "deep nesting, open", body: '{"a":'.repeat(5000), words: "nested" },
  { name: "a duplicate key", body: '{"action":"halt","action":"status"}', words: "twice" },
  { name: "a duplicate key in disguise", body: '{"action":"halt","\\u0061ction":"status"}', words: "twice" },
  {
    name: "a duplicate key inside",
    body: good.replace('"story_id"', '"story_id":"STORY-002","story_id"'),
    words: "twice",
  },
  { name: "__proto__", body: '{"action":"halt","__proto__":{"source":"x"}}', words: "__proto__" },
  { name: "__proto__ in disguise", body: '{"action":"halt","\\u005f_proto__":{}}', words: "__proto__" },
  { name: "nested options", body: good.replace("}", ',"options":{"a":{}}}'), pointer: "/payload/options/a" },
  {
    name: "an option with a fraction",
    body: good.replace("}", ',"options":{"a":1.5}}'),
    pointer: "/payload/options/a",
  },
  {
    name: "an option past 2^53",
    body: good.replace("}", ',"options":{"a":9007199254740993}}'),
    pointer: "/payload/options/a",
  },
  {
    name: "an option that would be the type",
    body: good.replace("}", ',"options":{"type":"HALT"}}'),
    pointer: "/payload/options/type",
  },
  {
    name: "an option that would be the id",
    body: good.replace("}", ',"options":{"storyId":"X"}}'),
    pointer: "/payload/options/storyId",
  },
  {
    name: "options of 5 KB",
    body: good.replace("}", `,"options":{"a":"${"x".repeat(5000)}"}}`),
    pointer: "/payload/options",
  },
];

const big = `{"action":"halt","source":"${"s".repeat(10 * 1024 * 1024)}"}`;

export function badInputSuite(launcher: Launcher): void {
  describe("bad input", () => {
    const scene = useScene(launcher);
    for (const bad of bodies) {
      test(`${bad.name} is refused with a reason, and leaves no trace`, async () => {
        const answer = await untouched(scene, dispatchCall("", { body: bad.body }));
        expectProblem(answer, { status: 400, code: "invalid_request", retry: "never" });
        expect(answer.json.errors.length).toBeGreaterThan(0);
        if (bad.pointer !== undefined) expect(answer.json.errors[0].pointer).toBe(bad.pointer);
        if (bad.words !== undefined) expect(answer.json.detail).toContain(bad.words);
      });
    }
    sizes(scene);
    types(scene);
    keys(scene);
    test("after all of that, a good request works", async () => {
      expect((await scene.enqueue(newStory())).status).toBe(200);
    });
  });
}

/** Sends something that must change nothing: not the log, not Podium. */
async function untouched(scene: Scene, request: Call) {
  const before = scene.gateway.auditLines().length;
  const answer = await scene.call(request);
  expect(scene.podium.requests).toEqual([]);
  expect(scene.gateway.auditLines()).toHaveLength(before);
  return answer;
}

function sizes(scene: Scene): void {
  test("a body of 10 MB with a Content-Length is refused", async () => {
    expectProblem(await untouched(scene, dispatchCall(big)), { status: 413, code: "too_large", retry: "never" });
  });

  test("a body of 10 MB in chunks is refused", async () => {
    const answer = await untouched(scene, dispatchCall(big, { chunkBytes: 65_536 }));
    expectProblem(answer, { status: 413, code: "too_large", retry: "never" });
  });

  // A connection closed with the body unread is reset by the kernel, and the answer lost with it.
  test("a body of 10 MB is refused in words on a connection that is to be closed", async () => {
    const answer = await untouched(scene, dispatchCall(big, { headers: { connection: "close" } }));
    expectProblem(answer, { status: 413, code: "too_large", retry: "never" });
  });

  test("a body one byte over the limit is refused, one at the limit is read", async () => {
    const start = '{"action":"halt","source":"e2e"}';
    const at = (bytes: number): Call => dispatchCall(start + " ".repeat(bytes - start.length));
    expectProblem(await untouched(scene, at(65_537)), { status: 413, code: "too_large", retry: "never" });
    expect((await scene.call(at(65_536))).status).toBe(200);
  });
}

function types(scene: Scene): void {
  for (const type of [
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/jsonp",
    "application/problem+json",
    "",
  ]) {
    test(`the content type "${type}" is refused`, async () => {
      const request = dispatchCall(good, { headers: { "content-type": type } });
      expectProblem(await untouched(scene, request), { status: 415, code: "unsupported_media_type", retry: "never" });
    });
  }

  test("JSON with a charset is JSON", async () => {
    const headers = { "content-type": "Application/JSON; charset=utf-8" };
    expect((await scene.call(dispatchCall(good, { headers }))).status).toBe(200);
  });
}

function keys(scene: Scene): void {
  const bad: Record<string, string | readonly string[]> = {
    "an empty key": "",
    "an empty quoted key": '""',
    "a key of 256 characters": "k".repeat(256),
    "a key with a space": "a b",
    "a key with a tab": '"a\tb"',
    "an unclosed quote": '"abc',
    "two keys": ["key-1", "key-2"],
    "two keys that join to a quoted one": ['"key-1', 'key-2"'],
    "a key that is not ASCII": '"é"',
  };
  for (const [name, key] of Object.entries(bad)) {
    test(`${name} is refused`, async () => {
      const request = dispatchCall(good, { headers: { "idempotency-key": key } });
      expectProblem(await untouched(scene, request), { status: 400, code: "invalid_request", retry: "never" });
    });
  }
}
