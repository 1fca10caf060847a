import { expect, test } from "bun:test";
import fc from "fast-check";
import { parseDispatch, parseIdempotencyKey } from "../../src/dispatch/command.ts";
import { Problem } from "../../src/lib/errors.ts";

function parse(body: unknown, owner?: string) {
  return parseDispatch(new TextEncoder().encode(typeof body === "string" ? body : JSON.stringify(body)), owner);
}

function refused(body: unknown): Problem {
  try {
    parse(body);
  } catch (error) {
    if (error instanceof Problem) return error;
  }
  throw new Error(`expected a refusal of ${JSON.stringify(body)}`);
}

test("the contract's own example becomes a flat command and its asker", () => {
  const parsed = parse({
    action: "enqueue_story",
    payload: { story_id: "STORY-001" },
    source: "command-center",
    auth: { user_id: "mark", session_id: "xxx" },
  });
  expect(parsed).toEqual({
    command: { action: "enqueue_story", story_id: "STORY-001" },
    asker: { source: "command-center", user_id: "mark", session_id: "xxx", auth_mode: "local" },
  });
});

test("a token's owner is recorded, whatever the body claims", () => {
  const { asker } = parse({ action: "halt", auth: { user_id: "somebody else" } }, "token");
  expect(asker).toEqual({ source: "unspecified", user_id: "token", auth_mode: "token" });
});

test.each([
  [{ action: "enqueue_story", payload: {} }, "/payload/story_id"],
  [{ action: "enqueue_story" }, "/payload"],
  [{ action: "apply_plan", payload: { plan_id: "SKOREQ-XXX" } }, "/payload/nonce"],
  [{ action: "enqueue_story", payload: { story_id: "a/b" } }, "/payload/story_id"],
  [{ action: "enqueue_story", payload: { story_id: "a\n" } }, "/payload/story_id"],
  [{ action: "enqueue_story", payload: { story_id: "a\u0000" } }, "/payload/story_id"],
  [{ action: "enqueue_story", payload: { story_id: "a".repeat(129) } }, "/payload/story_id"],
  [{ action: "enqueue_story", payload: { story_id: 7 } }, "/payload/story_id"],
  [{ action: "enqueue_story", payload: { story_id: "S", force: true } }, "/payload/force"],
  [{ action: "enqueue_story", payload: { story_id: "S", options: { "a/b": 1 } } }, "/payload/options/a~1b"],
  [{ action: "enqueue_story", payload: { story_id: "S", options: { storyId: "T" } } }, "/payload/options/storyId"],
  [{ action: "enqueue_story", payload: { story_id: "S", options: { a: 1.5 } } }, "/payload/options/a"],
  [{ action: "enqueue_story", payload: { story_id: "S", options: { a: {} } } }, "/payload/options/a"],
  [{ action: "fly" }, "/action"],
  [{}, "/action"],
  [[], ""],
  [{ action: "halt", extra: 1 }, "/extra"],
  [{ action: "halt", source: "" }, "/source"],
  [{ action: "halt", source: "a\u202eb" }, "/source"],
  [{ action: "halt", auth: { user_id: "a\nb" } }, "/auth/user_id"],
  ['{"action":"halt","action":"status"}', ""],
  ['{"action":"halt","__proto__":{}}', ""],
  [String.raw`{"action":"halt","source":"\ud800"}`, ""],
  ["", ""],
  ["not json", ""],
  ['{"action":"halt"} {}', ""],
])("%j is refused, and says where", (body, pointer) => {
  const { code, status, retry, message, extras } = refused(body);
  expect([code, status, retry]).toEqual(["invalid_request", 400, "never"]);
  expect(message).toContain("nothing was executed");
  expect(extras.errors?.map((fault) => fault.pointer)).toContain(pointer);
});

test("any bytes are either a command or a refusal with a pointer", () => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array(),
        fc.json().map((text) => new TextEncoder().encode(text)),
      ),
      (body) => {
        try {
          parseDispatch(body, undefined);
        } catch (error) {
          expect(error).toBeInstanceOf(Problem);
          expect((error as Problem).extras.errors?.length).toBeGreaterThan(0);
        }
      },
    ),
    { numRuns: 500 },
  );
});

test("an option is an integer that JSON keeps exactly", () => {
  const body = '{"action":"enqueue_story","payload":{"story_id":"S","options":{"a":9007199254740991}}}';
  expect(parse(body).command.options).toEqual({ a: 9_007_199_254_740_991 });
  expect(refused(body.replace("991", "992")).code).toBe("invalid_request");
});

/** Printable ASCII without a comma and the two characters that a quoted string escapes. */
const plain = fc.stringMatching(/^[\x20-\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/);

test("a quoted key is what stands between the quotes", () => {
  fc.assert(fc.property(plain, (key) => expect(parseIdempotencyKey(`"${key}"`)).toBe(key)));
  expect(parseIdempotencyKey(String.raw`"a\"b\\c"`)).toBe(String.raw`a"b\c`);
});

test("a bare key is taken as it is, spaces around it apart", () => {
  expect(parseIdempotencyKey("8e03978e-40d5-43dd-bc93-6894a57f9324")).toBe("8e03978e-40d5-43dd-bc93-6894a57f9324");
  expect(parseIdempotencyKey("  key \t")).toBe("key");
  expect(parseIdempotencyKey(null)).toBeUndefined();
});

test("a key quoted and bare is the same key", () => {
  expect(parseIdempotencyKey('"k1"')).toBe(parseIdempotencyKey("k1"));
});

test("255 characters are a key, 256 are not", () => {
  for (const quote of ["", '"']) {
    expect(parseIdempotencyKey(quote + "k".repeat(255) + quote)).toHaveLength(255);
    expect(() => parseIdempotencyKey(quote + "k".repeat(256) + quote)).toThrow("1 to 255");
  }
});

test.each([
  ["empty", ""],
  ["spaces only", "   "],
  ["empty quotes", '""'],
  ["a control character", "a\u0001b"],
  ["a quoted control character", '"a\u0007b"'],
  ["DEL", "a\u007f"],
  ["a letter outside ASCII", "schlüssel"],
  ["a space inside a bare key", "a b"],
  ["a backslash inside a bare key", String.raw`a\b`],
  ["two headers, joined as HTTP joins them", "a, b"],
  ["two quoted headers", '"a", "b"'],
  ["two headers without a space", "a,b"],
  ["two headers that are one quoted key when joined", '"a, b"'],
  ["the same, joined without a space", '"a,b"'],
  ["a quote that does not end", '"abc'],
  ["a quote that does not begin", 'abc"'],
  ["a parameter behind the quoted key", '"abc";x=1'],
  ["a lone backslash in quotes", String.raw`"a\b"`],
])("a key that is %s is refused", (_name, header) => {
  expect(() => parseIdempotencyKey(header)).toThrow(
    expect.objectContaining({ code: "invalid_request", retry: "never" }),
  );
});
