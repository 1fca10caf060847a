import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { jsonDepthMax, parseStrictJson } from "../../src/wire/strict-json.ts";

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const parse = (text: string) => parseStrictJson(encode(text));

function detailOf(text: string): string {
  const parsed = parse(text);
  return parsed.ok ? "accepted" : parsed.fault.detail;
}

/** JSON values without what we refuse. */
const values = fc
  .jsonValue({ maxDepth: 8 })
  .filter((value) => !JSON.stringify(value).includes("__proto__") && JSON.stringify(value).isWellFormed());

describe("parseStrictJson", () => {
  test("takes every JSON text without the refused, as JSON.parse does", () => {
    fc.assert(
      fc.property(values, fc.constantFrom(undefined, 2, "\t", "\r\n "), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        // Lone surrogates hide behind escapes.
        if (/\\ud[89a-f]/i.test(text)) return;
        const parsed = parse(text);
        expect(parsed).toEqual({ ok: true, value: JSON.parse(text) });
      }),
    );
  });

  test("never throws, and takes nothing that JSON.parse refuses", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
        const parsed = parseStrictJson(bytes);
        if (parsed.ok) expect(parsed.value).toEqual(JSON.parse(new TextDecoder().decode(bytes)));
        else expect(parsed.fault.detail).not.toBe("");
      }),
    );
  });

  test("takes nothing that JSON.parse refuses out of nearly-JSON either", () => {
    const piece = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ":",
      ",",
      '"',
      "a",
      "\\",
      '"a"',
      "1",
      "\\u",
      "d800",
      " ",
      "null",
      "-",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const parsed = parse(text);
        if (parsed.ok) expect(parsed.value).toEqual(JSON.parse(text));
      }),
      { numRuns: 5000 },
    );
  });

  test("refuses a key that stands twice in one object, however it is written, at any depth", () => {
    const wrap = fc.constantFrom(
      (text: string) => text,
      (text: string) => `[1,${text}]`,
      (text: string) => `{"a":{"b":${text}}}`,
    );
    fc.assert(
      fc.property(fc.string({ maxLength: 8 }), wrap, fc.boolean(), (key, around, escaped) => {
        if (key === "__proto__" || !key.isWellFormed()) return;
        const plain = JSON.stringify(key);
        const units = [...Array(key.length).keys()].map((i) => key.charCodeAt(i).toString(16).padStart(4, "0"));
        const other = escaped ? `"${units.map((unit) => `\\u${unit}`).join("")}"` : plain;
        expect(detailOf(around(`{${plain}:1,"other key":2,${other} :3}`))).toContain("twice");
      }),
    );
  });

  test("takes the same key in different objects", () => {
    expect(parse('{"a":{"a":[{"a":1},{"a":2}]},"b":{"a":3}}').ok).toBe(true);
  });

  test("refuses lone surrogates in keys and values, and takes pairs", () => {
    for (const lone of ["\\ud800", "\\udc00", "\\udc00\\ud800", "a\\ud83dz"]) {
      expect(detailOf(`{"a":"${lone}"}`)).toContain("surrogate");
      expect(detailOf(`{"${lone}":1}`)).toContain("surrogate");
      expect(detailOf(`["${lone}"]`)).toContain("surrogate");
    }
    expect(parse('"\\ud83d\\ude00"')).toEqual({ ok: true, value: "😀" });
  });

  test("refuses __proto__ as a key, also escaped, and takes it as a value", () => {
    expect(detailOf('{"__proto__":1}')).toContain("__proto__");
    expect(detailOf('{"a":{"\\u005f_proto__":1}}')).toContain("__proto__");
    expect(parse('{"a":"__proto__"}').ok).toBe(true);
  });

  test("refuses nesting past the bound, and only then", () => {
    const nested = (depth: number): string => "[".repeat(depth) + "]".repeat(depth);
    expect(parse(nested(jsonDepthMax)).ok).toBe(true);
    expect(detailOf(nested(jsonDepthMax + 1))).toContain("nested");
    expect(detailOf('{"a":'.repeat(100_000))).toContain("nested");
    expect(parse(JSON.stringify("[{".repeat(100))).ok).toBe(true);
    expect(parse(JSON.stringify({ '"[[[[[[[[[[[[[[[[[[\\"': '\\"[[[[[[[[[[[[[[[[[[' })).ok).toBe(true);
  });

  test("refuses what is no text and what is nothing", () => {
    for (const bytes of [[0xff], [0xed, 0xa0, 0x80], [0xc0, 0x80], [0x22, 0xe2, 0x82, 0x22]]) {
      const parsed = parseStrictJson(new Uint8Array(bytes));
      expect(parsed).toMatchObject({ ok: false, fault: { pointer: "", detail: expect.stringContaining("UTF-8") } });
    }
    expect(detailOf("")).toContain("empty");
    expect(detailOf(" \n")).toContain("empty");
    expect(detailOf("\ufeff{}")).not.toBe("accepted");
  });
});
