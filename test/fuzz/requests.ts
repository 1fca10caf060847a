import fc from "fast-check";
import { actions } from "../../src/wire/dispatch.ts";
import { operations } from "../../src/wire/operations.ts";

/** One request as bytes, and what is known about it. */
export interface Shot {
  readonly bytes: Uint8Array;
  readonly method: string;
  /** As it stands in the request line. */
  readonly target: string;
  /** For the report of a failure. */
  readonly text: string;
}

const encoder = new TextEncoder();

const nasty = fc.constantFrom(
  "",
  " ",
  "..",
  "%2e%2e%2f",
  "%00",
  "\u202e",
  "\u001b[2J",
  "__proto__",
  "constructor",
  "a".repeat(300),
  "💥",
  "-0",
  "1e999",
  "9007199254740993",
  "null",
  "'; DROP TABLE jobs; --",
  "JOB-20260109-001",
  "JOB-99999999-999999999999",
  "AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV",
  "0000000000000000:5",
);
const word = fc.oneof(nasty, fc.string({ maxLength: 40, unit: "binary" }), fc.string({ maxLength: 20 }));
const id = fc.oneof(
  { arbitrary: fc.stringMatching(/^[A-Z]{1,8}-[0-9]{1,4}$/), weight: 4 },
  { arbitrary: word, weight: 1 },
);

const path = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(
        fc.constantFrom(
          ...Object.values(operations).map((operation) => operation.path),
          "/",
          "/api",
          "/docs",
          "/openapi.json",
        ),
        word,
      )
      .map(([template, value]) => template.replaceAll(/\{\w+\}/g, encodeURIComponent(value.toWellFormed()) || "x")),
  },
  {
    weight: 1,
    arbitrary: fc.webPath().map((text) => (text === "" ? "/" : text)),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      "//",
      "/%",
      "/%zz",
      "/..",
      "/api/../api",
      "/api/orchestrator/dispatch/",
      "*",
      "/\\",
      "/;a",
    ),
  },
);

const queryKeys = [
  "types",
  "since",
  "envelope",
  "limit",
  "cursor",
  "status",
  "story",
  "day",
  "order",
  "from",
  "to",
  "x",
];
const query = fc.oneof(
  { weight: 3, arbitrary: fc.constant("") },
  {
    weight: 2,
    arbitrary: fc
      .array(fc.tuple(fc.constantFrom(...queryKeys), word), { minLength: 1, maxLength: 4 })
      .map(
        (pairs) => `?${pairs.map(([key, value]) => `${key}=${encodeURIComponent(value.toWellFormed())}`).join("&")}`,
      ),
  },
  { weight: 1, arbitrary: fc.constantFrom("?%", "?=&=&", "?limit=1&limit=2", `?${"a".repeat(2000)}`) },
);

const value: fc.Arbitrary<unknown> = fc.oneof(word, fc.jsonValue({ maxDepth: 2 }), fc.integer(), fc.boolean());
const options = fc.dictionary(fc.oneof(fc.stringMatching(/^[a-z]{1,8}$/), word), value, { maxKeys: 4 });

/** From sound to nonsense: most must get past validation, or the rest of the way is never walked. */
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      action: fc.constantFrom("enqueue_story", "cancel_story"),
      payload: fc.record({ story_id: id, options }, { requiredKeys: ["story_id"] }),
      source: fc.constant("fuzz"),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      action: fc.constantFrom("prepare_apply", "apply_plan", "enqueue_plan"),
      payload: fc.record({ plan_id: id, nonce: fc.stringMatching(/^[a-z0-9]{1,16}$/) }, { requiredKeys: ["plan_id"] }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ action: fc.constantFrom("status", "status", "halt") }) },
  {
    weight: 3,
    arbitrary: fc.record(
      {
        action: fc.oneof(fc.constantFrom(...actions), word),
        payload: value,
        source: value,
        auth: fc.oneof(value, fc.record({ user_id: word, session_id: word })),
        extra: value,
      },
      { requiredKeys: ["action"] },
    ),
  },
);

const body: fc.Arbitrary<Uint8Array> = fc.oneof(
  { weight: 8, arbitrary: command.map((one) => encoder.encode(JSON.stringify(one))) },
  { weight: 1, arbitrary: fc.json().map((text) => encoder.encode(text)) },
  { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom("[".repeat(5000), '{"a":'.repeat(900), '"\\ud800"', "").map((t) => encoder.encode(t)),
  },
);

/** What may stand in a header line; a line break in it would be another line, which is another test's business. */
const fieldValue = fc.oneof(nasty, fc.string({ maxLength: 60 })).map((text) => text.replaceAll(/[\r\n\0]/g, ""));
const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  {
    weight: 20,
    arbitrary: fc.tuple(
      fc.constantFrom(
        "idempotency-key",
        "x-request-id",
        "traceparent",
        "tracestate",
        "cookie",
        "x-roxy-token",
        "authorization",
      ),
      fieldValue,
    ),
  },
  {
    weight: 10,
    arbitrary: fc.tuple(fc.constantFrom("last-event-id", "accept-encoding", "if-none-match", "x-odd"), fieldValue),
  },
  {
    weight: 5,
    arbitrary: fc.tuple(
      fc.constantFrom("upgrade", "connection", "range"),
      fc.constantFrom("websocket", "Upgrade", "h2c", "close"),
    ),
  },
  { weight: 1, arbitrary: fc.tuple(fc.constant("origin"), fieldValue) },
  { weight: 1, arbitrary: fc.constant(["host", "evil.test"] as const) },
);

const anyShot = fc
  .record({
    method: fc.constantFrom("GET", "GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "BREW"),
    target: fc.tuple(path, query).map((parts) => parts.join("")),
    headers: fc.array(header, { maxLength: 4 }),
    body: fc.option(body, { nil: undefined }),
    type: fc.constantFrom("application/json", "application/json; charset=utf-8", "text/plain", ""),
    chunked: fc.boolean(),
  })
  .map(shotOf);

const dispatchShot = fc
  .record({ headers: fc.array(header, { maxLength: 2 }), body, chunked: fc.boolean() })
  .map((parts) => shotOf({ ...parts, method: "POST", target: "/api/orchestrator/dispatch", type: "application/json" }));

export const shot: fc.Arbitrary<Shot> = fc.oneof(
  { weight: 1, arbitrary: anyShot },
  { weight: 2, arbitrary: dispatchShot },
);

interface Parts {
  readonly method: string;
  readonly target: string;
  readonly headers: readonly (readonly [string, string])[];
  readonly body: Uint8Array | undefined;
  readonly type: string;
  readonly chunked: boolean;
}

function shotOf({ method, target, headers, body: content, type, chunked }: Parts): Shot {
  const asked = target.replaceAll(/[\s\0]/g, "+");
  const lines = [`${method} ${asked} HTTP/1.1`];
  if (!headers.some(([name]) => name === "host")) lines.push("host: 127.0.0.1");
  for (const [name, text] of headers) lines.push(`${name}: ${text}`);
  if (content && type !== "") lines.push(`content-type: ${type}`);
  if (content) lines.push(chunked ? "transfer-encoding: chunked" : `content-length: ${content.length}`);
  const head = `${lines.join("\r\n")}\r\n\r\n`;
  const payload = content ? (chunked ? chunksOf(content) : Buffer.from(content)) : Buffer.alloc(0);
  const text = head + payload.toString("latin1").slice(0, 500);
  return { bytes: Buffer.concat([Buffer.from(head), payload]), method, target: asked, text };
}

function chunksOf(content: Uint8Array): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; at < content.length; at += 50) {
    const slice = content.subarray(at, at + 50);
    parts.push(Buffer.from(`${slice.length.toString(16)}\r\n`), Buffer.from(slice), Buffer.from("\r\n"));
  }
  return Buffer.concat([...parts, Buffer.from("0\r\n\r\n")]);
}
