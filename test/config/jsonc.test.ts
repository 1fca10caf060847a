import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JsonPath, Place } from "../../src/config/jsonc.ts";
import { jsoncDepthMax, parseJsonc } from "../../src/config/jsonc.ts";

describe("parseJsonc", () => {
  test("takes comments, trailing commas and a byte order mark", () => {
    const parsed = parseJsonc('\ufeff// first\n{ "a": [1, 2,], /* in between */ "b": "x", }\n');
    expect(parsed.mistakes).toEqual([]);
    expect(parsed.value).toEqual({ a: [1, 2], b: "x" });
    expect(parsed.placeOf(["b"], "value")).toEqual({ line: 2, column: 39 });
  });

  test("has no value for a text of comments alone", () => {
    expect(parseJsonc(" // nothing\n").value).toBeUndefined();
    expect(parseJsonc("").mistakes).toEqual([]);
  });

  test("points at keys and at values", () => {
    const parsed = parseJsonc('{\n  "listen": {\n    "port":   8000\n  }\n}');
    expect(parsed.placeOf(["listen", "port"], "key")).toEqual({ line: 3, column: 5 });
    expect(parsed.placeOf(["listen", "port"], "value")).toEqual({ line: 3, column: 15 });
  });

  test("points at the nearest enclosing value when the path is not there", () => {
    const parsed = parseJsonc('{\n  "a": { "b": [] }\n}');
    expect(parsed.placeOf(["a", "c", "d"], "value")).toEqual({ line: 2, column: 8 });
    expect(parsed.placeOf(["a", "b", 3], "value")).toEqual({ line: 2, column: 15 });
    expect(parsed.has(["a", "b"])).toBe(true);
    expect(parsed.has(["a", "c"])).toBe(false);
  });

  test.each([
    ['{ "a": 1\n  "b": 2 }', 2, 3, "Expected ',' or a closing bracket before this"],
    ['{\n "a" 1 }', 2, 6, "Expected ':' after the key"],
    ["{\n a: 1 }", 2, 2, "Expected a key in double quotes"],
    ['{ "a": yes }', 1, 8, "Expected a value: text in quotes, a number, true, false, null, { or ["],
    ['{ "a": "open\n }', 1, 8, "This text is not closed with a double quote"],
    ['{ "a": [1, 2 }', 1, 14, "Expected ',' or a closing bracket before this"],
    ['{ "a": [1,', 1, 11, "Expected a value: text in quotes, a number, true, false, null, { or ["],
    ['{ "a": [1', 1, 10, "Expected ']': a list is not closed"],
    ['{ "a": 1', 1, 9, "Expected '}': an object is not closed"],
    ['{} "more"', 1, 4, "Expected the end of the file"],
    ["{ /* open", 1, 3, "This comment is not closed with */"],
    ['{ "a": "\\q" }', 1, 8, "Unknown escape after the backslash"],
    ['{ "a": "\\u12" }', 1, 8, "Expected four hexadecimal digits after \\u"],
    ['{ "a": "\t" }', 1, 8, "A control character must be written as an escape, such as \\n or \\t"],
  ])("names the first fault of %j", (text, line, column, detail) => {
    expect(parseJsonc(text).mistakes[0]).toEqual({ line, column, path: [], detail });
  });

  test("complains once about one line, and about each line that is wrong", () => {
    expect(parseJsonc('{"a": 1,, "b": 2}').mistakes).toHaveLength(1);
    const lines = parseJsonc('{\n"a": 1\n"b": 2\n"c": 3\n}').mistakes.map(({ line }) => line);
    expect(lines).toEqual([3, 4]);
  });

  test("reports every key that stands twice, at any depth, at its second place", () => {
    const parsed = parseJsonc('{\n  "a": 1,\n  "b": [{ "c": 1, "c": 2 }],\n  "a": 3\n}');
    expect(parsed.mistakes).toEqual([
      { line: 3, column: 19, path: ["b", 0, "c"], detail: "This key stands twice; first at 3:11" },
      { line: 4, column: 3, path: ["a"], detail: "This key stands twice; first at 2:3" },
    ]);
  });

  test("counts the last of two, for the value and for its place", () => {
    const parsed = parseJsonc('{ "a": 1, "a": 2 }');
    expect(parsed.value).toEqual({ a: 2 });
    expect(parsed.placeOf(["a"], "value")).toEqual({ line: 1, column: 16 });
  });

  test("refuses __proto__ and lets it set no prototype", () => {
    const parsed = parseJsonc('{ "__proto__": { "polluted": true } }');
    expect(parsed.mistakes[0]).toMatchObject({ line: 1, column: 3, detail: "This key is not allowed" });
    expect((parsed.value as { polluted?: boolean }).polluted).toBeUndefined();
  });

  test("stops at the first bracket that is nested too deep", () => {
    const deepest = "[".repeat(jsoncDepthMax) + "]".repeat(jsoncDepthMax);
    expect(parseJsonc(deepest).mistakes).toEqual([]);
    expect(parseJsonc(`[${deepest}]`).mistakes[0]).toMatchObject({ line: 1, column: jsoncDepthMax + 1 });
    expect(parseJsonc("[".repeat(1_000_000)).mistakes).toHaveLength(1);
  });

  test("does not count brackets in texts and comments", () => {
    const brackets = "[".repeat(jsoncDepthMax + 5);
    expect(parseJsonc(`{ "a": "${brackets}" /* ${brackets} */ } // ${brackets}`).mistakes).toEqual([]);
  });

  test("counts \\n, \\r\\n and \\r as line ends", () => {
    expect(parseJsonc('{\r\n"a":\r1,\n"b":2}').placeOf(["b"], "key")).toEqual({ line: 4, column: 1 });
  });

  test("never throws, whatever the text", () => {
    const pieces = fc.constantFrom(
      "{",
      "}",
      "[",
      "]",
      ",",
      ":",
      '"',
      "\\",
      "//",
      "/*",
      "*/",
      "\n",
      "a",
      "1",
      "null",
      " ",
    );
    const text = fc.oneof(
      fc.string(),
      fc.array(pieces, { maxLength: 60 }).map((parts) => parts.join("")),
    );
    fc.assert(
      fc.property(text, (source) => {
        const parsed = parseJsonc(source);
        parsed.placeOf(["a", 0], "value");
        expect(Array.isArray(parsed.mistakes)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test("reads what JSON.stringify writes as JSON.parse does", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5, noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value, null, 1);
        if (text.includes('"__proto__"')) return;
        const parsed = parseJsonc(text);
        expect(parsed.mistakes).toEqual([]);
        expect(parsed.value).toEqual(JSON.parse(text));
      }),
    );
  });

  test("finds every key and value at its line and column, among comments and odd spacing", () => {
    const filler = fc.constantFrom("", " ", "\n", "\r\n", "\t", " // note {\n", "/* [\n\n */", "  ");
    fc.assert(
      fc.property(treeArbitrary, fc.array(filler, { minLength: 1, maxLength: 12 }), (tree, fillers) => {
        const printed = print(tree, fillers);
        const parsed = parseJsonc(printed.text);
        expect(parsed.mistakes).toEqual([]);
        for (const spot of printed.spots) {
          expect(parsed.placeOf(spot.path, spot.part)).toEqual(placeOf(printed.text, spot.offset));
        }
      }),
      { numRuns: 300 },
    );
  });
});

type Tree = number | string | Tree[] | { [key: string]: Tree };

const treeArbitrary: fc.Arbitrary<Tree> = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 4 },
    fc.integer(),
    fc.string({ unit: "grapheme" }).filter((text) => text.isWellFormed()),
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(
      fc.string({ minLength: 1 }).filter((key) => key !== "__proto__"),
      tie("tree"),
      { maxKeys: 4 },
    ),
  ),
})).tree;

interface Spot {
  readonly path: JsonPath;
  readonly part: "key" | "value";
  readonly offset: number;
}

/** Prints the tree with fillers between all tokens and notes where each key and value starts. */
function print(tree: Tree, fillers: readonly string[]): { text: string; spots: Spot[] } {
  let text = "";
  let turn = 0;
  const spots: Spot[] = [];
  const fill = (): void => void (text += fillers[turn++ % fillers.length]);
  const put = (token: string): void => {
    text += token;
    fill();
  };
  const value = (node: Tree, path: JsonPath): void => {
    spots.push({ path, part: "value", offset: text.length });
    if (typeof node !== "object") return put(JSON.stringify(node));
    put(Array.isArray(node) ? "[" : "{");
    for (const [name, inner] of Object.entries(node)) {
      const step = Array.isArray(node) ? Number(name) : name;
      if (typeof step === "string") {
        spots.push({ path: [...path, step], part: "key", offset: text.length });
        put(JSON.stringify(step));
        put(":");
      }
      value(inner, [...path, step]);
      put(",");
    }
    put(Array.isArray(node) ? "]" : "}");
  };
  fill();
  value(tree, []);
  return { text, spots };
}

/** Counted the slow way, so that it shares nothing with the code under test. */
function placeOf(text: string, offset: number): Place {
  const lines = text.slice(0, offset).split(/\r\n|\n/);
  return { line: lines.length, column: (lines.at(-1)?.length ?? 0) + 1 };
}
