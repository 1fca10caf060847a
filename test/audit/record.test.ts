import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { frameLine, decodeLine, isFlaw } from "../../src/audit/frame.ts";
import { linesBackwards } from "../../src/audit/lines-backwards.ts";
import type { Line } from "../../src/audit/lines.ts";
import { linesOf } from "../../src/audit/lines.ts";
import type { Draft } from "../../src/audit/record.ts";
import { encodeRecord, lineBytesMax, zeroHash } from "../../src/audit/record.ts";
import { Problem } from "../../src/lib/errors.ts";
import { auditEvents } from "../../src/wire/audit.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { ReadFile } from "../../src/runtime/types.ts";

/** AUDIT.md, "Record", and promise 10. */

const { sha256 } = runtime;
const place = { seq: 41, prevHash: zeroHash, epochMs: Date.parse("2026-01-09T08:00:00.123Z") };
const encode = (draft: Draft): ReturnType<typeof encodeRecord> => encodeRecord(draft, place, sha256);
const text = (draft: Draft): string => new TextDecoder().decode(encode(draft).line);

const anyText = fc.string({ unit: "binary", maxLength: 40 }).filter((value) => value.isWellFormed());
const anyDraft: fc.Arbitrary<Draft> = fc.record(
  {
    event: fc.constantFrom(...auditEvents),
    audit_id: anyText,
    story_id: anyText,
    user_id: anyText,
    podium_response: anyText,
    detail: anyText,
    http_status: fc.maxSafeInteger().filter((value) => !Object.is(value, -0)),
    options: fc.dictionary(
      fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_]{0,20}$/).filter((key) => key !== "__proto__"),
      fc.oneof(anyText, fc.boolean(), fc.integer()),
      { noNullPrototype: true, maxKeys: 4 },
    ),
  },
  { requiredKeys: ["event"] },
) as fc.Arbitrary<Draft>;

describe("encodeRecord", () => {
  test("writes one line with the keys in their fixed order, whatever the order of the draft", () => {
    const line = text({
      user_id: "mark",
      action: "enqueue_story",
      event: "intent",
      audit_id: "AUD-1",
      source: undefined,
    });
    expect(line).toStartWith(
      '{"v":1,"seq":41,"timestamp":"2026-01-09T08:00:00.123Z","event":"intent","audit_id":"AUD-1","action":"enqueue_story","user_id":"mark","prev_hash":"',
    );
    expect(line).toMatch(/","hash":"[0-9a-f]{64}"\}\n$/);
    expect(line.length - line.lastIndexOf(',"hash":"')).toBe(76);
  });

  test("sha256sum and a cut give the stored hash, for the worst strings there are", () => {
    const line = text({
      event: "outcome",
      detail: 'a\u007f\u2028\u2029\0\b"\\/\u00e9\u{1f3b8}',
      podium_response: '{"1":-0,"__proto__":1}',
    });
    const { stdout } = spawnSync("sha256sum", { input: line.slice(0, -76), encoding: "utf8" });
    expect(line.slice(-67, -3)).toBe(stdout.slice(0, 64));
  });

  test("and decodeLine gives back what was recorded, for any draft", () => {
    fc.assert(
      fc.property(anyDraft, (draft) => {
        const { line, record, leafHash } = encode(draft);
        expect(line.indexOf(10)).toBe(line.length - 1);
        const decoded = decodeLine(line.subarray(0, -1), sha256);
        expect(decoded).toEqual(record);
        expect(leafHash).toBe(sha256(Buffer.concat([Buffer.from([0]), line.subarray(0, -1)])));
      }),
    );
  });

  for (const [what, draft, words] of [
    ["a lone surrogate", { event: "intent", user_id: "a\ud800" }, "user_id is not a well-formed string"],
    ["a lone surrogate in an option", { event: "intent", options: { a: "\udc00" } }, 'the option "a"'],
    ["a fraction", { event: "outcome", http_status: 1.5 }, "http_status is not a well-formed integer"],
    ["an integer past 2^53-1", { event: "outcome", http_status: 2 ** 53 }, "http_status"],
    ["minus zero", { event: "outcome", count: -0 }, "count"],
    ["NaN", { event: "outcome", count: Number.NaN }, "count"],
    ["a number where a string belongs", { event: "intent", user_id: 5 }, "user_id"],
    ["an object in an option", { event: "intent", options: { a: {} } }, 'the option "a"'],
    ["a float in an option", { event: "intent", options: { a: 0.5 } }, 'the option "a"'],
    ["an unknown field", { event: "intent", password: "x" }, "unknown fields: password"],
    ["a field of the record itself", { event: "intent", seq: 1 }, "unknown fields: seq"],
    ["a line that is too long", { event: "outcome", detail: "x".repeat(lineBytesMax) }, `of ${lineBytesMax} bytes`],
  ] as unknown as [string, Draft, string][]) {
    test(`refuses ${what}, as a Problem that nothing was forwarded for`, () => {
      expect(() => encode(draft)).toThrow(Problem);
      expect(() => encode(draft)).toThrow(words);
    });
  }

  test("takes Podium's answer at its limit, even when every character is escaped", () => {
    const { line } = encode({
      event: "outcome",
      podium_response: "\u0001".repeat(33_000),
      options: { a: "\u0001".repeat(4000) },
    });
    expect(line.length).toBeLessThan(lineBytesMax);
  });

  test("refuses a clock past the year 9999, whose timestamps have another shape", () => {
    expect(() => encodeRecord({ event: "intent" }, { ...place, epochMs: 8e14 }, sha256)).toThrow("the clock says");
  });
});

describe("Property 10: The one framing function", () => {
  test("knows nothing but whole lines of ours: any prefix, suffix or other text is a flaw", () => {
    const { line } = encode({ event: "intent", user_id: "mark" });
    const whole = line.subarray(0, -1);
    expect(frameLine(whole, sha256)).toMatchObject({ seq: 41, event: "intent" });
    for (let cut = 0; cut < whole.length; cut++) {
      expect(isFlaw(frameLine(whole.subarray(0, cut), sha256))).toBe(true);
      if (cut > 0) expect(isFlaw(frameLine(whole.subarray(cut), sha256))).toBe(true);
    }
    fc.assert(fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => isFlaw(frameLine(bytes, sha256))));
  });

  test("takes no second spelling, even with a right hash", () => {
    const respell = (from: string | RegExp, to: string): Uint8Array => {
      const body = text({ event: "intent", user_id: "mark" }).slice(0, -76).replace(from, to);
      return new TextEncoder().encode(`${body},"hash":"${sha256(body)}"}`);
    };
    expect(isFlaw(frameLine(respell("x", "x"), sha256))).toBe(false);
    for (const [from, to] of [
      ['"seq":41', '"seq":041'],
      ['"seq":41', '"seq": 41'],
      ['"seq":41', '"seq":4.1e1'],
      ['"seq":41', '"seq":10000000000000041'],
      ['"intent"', '"intents"'],
      ['"intent"', '"Intent"'],
      ["2026-01-09T", "2026-01-09 "],
      [".123Z", ".123+00:00"],
      ['{"v":1', '{"v":1.0'],
      [/"prev_hash":"0/, '"prev_hash":"O'],
    ] as const) {
      const taken = frameLine(respell(from, to), sha256);
      const odd = !isFlaw(taken) && taken.prevHash !== zeroHash;
      expect({ to, refused: isFlaw(taken) || odd }).toEqual({ to, refused: true });
    }
  });
});

describe("linesOf and linesBackwards", () => {
  const fileOf = (bytes: Uint8Array): ReadFile => {
    const read = (into: Uint8Array, offset: number): number => {
      const part = bytes.subarray(offset, offset + into.length);
      into.set(part);
      return part.length;
    };
    return { read, readAsync: async (into, offset) => read(into, offset), stat: () => ({}) as never, close() {} };
  };
  const decode = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

  test("split any text into the same lines, whatever the chunks", async () => {
    const lengths = fc.array(fc.oneof(fc.nat(300), fc.nat(200_000)), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(lengths, fc.nat(100), async (sizes, tail) => {
        const lines = sizes.map((size, i) => String.fromCharCode(97 + (i % 26)).repeat(size));
        const bytes = new TextEncoder().encode(lines.map((line) => `${line}\n`).join("") + "~".repeat(tail));
        const forwards: string[] = [];
        const walk = linesOf(fileOf(bytes), 0, bytes.length);
        let step = await walk.next();
        for (; !step.done; step = await walk.next()) {
          for (const line of step.value) {
            forwards.push(decode(line.bytes));
            expect(line.leaf[0]).toBe(0);
            expect(line.leaf.length).toBe(line.bytes.length + 1);
            expect(decode(bytes.subarray(line.offset, line.offset + line.bytes.length))).toBe(forwards.at(-1)!);
          }
        }
        expect(forwards).toEqual(lines);
        expect(step.value).toEqual({ offset: bytes.length - tail, bytes: tail });
        const backwards: string[] = [];
        for await (const batch of linesBackwards(fileOf(bytes), bytes.length)) {
          backwards.unshift(...batch.map((line) => decode(line.bytes)));
        }
        expect(backwards).toEqual(lines);
      }),
      { numRuns: 40 },
    );
  });

  test("stop at a line that is longer than any of ours", async () => {
    const bytes = new Uint8Array(3 * lineBytesMax).fill(97);
    const walk = linesOf(fileOf(bytes), 0, bytes.length);
    const { value } = (await walk.next()) as { value: Line[] };
    expect(value).toHaveLength(1);
    expect(frameLine(value[0]!.bytes, sha256)).toMatchObject({ flaw: expect.stringContaining("none of ours") });
    expect(await walk.next()).toEqual({ done: true, value: { offset: 0, bytes: bytes.length } });
  });
});
