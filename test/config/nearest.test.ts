import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { settings } from "../../src/config/keys.ts";
import { editDistance, nearest } from "../../src/config/nearest.ts";

const names = [...new Set(settings.map(({ path }) => path.at(-1) ?? ""))];

describe("nearest", () => {
  test.each([
    ["prot", "port"],
    ["retentionDays", "retention_days"],
    ["RETENTION-DAYS", "retention_days"],
    ["retenton_day", "retention_days"],
    ["timout_ms", "timeout_ms"],
    ["queue_limits", "queue_limit"],
    ["tipes", "types"],
  ])("%s was meant to be %s", (word, meant) => {
    expect(nearest(word, names)).toBe(meant);
  });

  test.each(["colour", "x", "", "qqqq", "verbosity", "p".repeat(10_000)])("%j is near to nothing", (word) => {
    expect(nearest(word, names)).toBeUndefined();
  });

  test("takes the first of two that are equally near", () => {
    expect(nearest("hort", ["host", "port"])).toBe("host");
  });

  test("finds a known key after any one slip, or a key that is as near", () => {
    const slipped = fc.tuple(fc.constantFrom(...names), fc.nat(), fc.constantFrom("drop", "double", "swap", "replace"));
    fc.assert(
      fc.property(slipped, ([name, at, slip]) => {
        const word = slipOf(name, at % name.length, slip);
        const found = nearest(word, names);
        expect(found).toBeDefined();
        expect(distance(word, found ?? "")).toBeLessThanOrEqual(distance(word, name));
      }),
    );
  });
});

describe("editDistance", () => {
  test("counts insertions, deletions, replacements and swaps as one each", () => {
    expect(editDistance("port", "ports")).toBe(1);
    expect(editDistance("port", "ort")).toBe(1);
    expect(editDistance("port", "part")).toBe(1);
    expect(editDistance("port", "prot")).toBe(1);
    expect(editDistance("", "port")).toBe(4);
  });

  test("is the same both ways, and nothing only for equal words", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        expect(editDistance(a, b)).toBe(editDistance(b, a));
        expect(editDistance(a, b) === 0).toBe(a === b);
        expect(editDistance(a, b)).toBeLessThanOrEqual(Math.max(a.length, b.length));
      }),
    );
  });
});

function slipOf(name: string, at: number, slip: string): string {
  const [before, char, after] = [name.slice(0, at), name[at] ?? "", name.slice(at + 1)];
  if (slip === "drop") return before + after;
  if (slip === "double") return before + char + char + after;
  if (slip === "swap") return before + (after[0] ?? "") + char + after.slice(1);
  return `${before}q${after}`;
}

function distance(a: string, b: string): number {
  return editDistance(a.replaceAll("_", ""), b.replaceAll("_", ""));
}
