import { expect, test } from "bun:test";
import fc from "fast-check";
import { withoutBlanks } from "../../src/lib/blanks.ts";

test("spaces and tabs around a text go, and nothing else does", () => {
  const texts = fc.string({ unit: fc.constantFrom(" ", "\t", "a", "\u00a0", "\n"), maxLength: 12 });
  fc.assert(
    fc.property(texts, (text) => {
      expect(withoutBlanks(text)).toBe(text.replace(/^[ \t]+/, "").replace(/[ \t]+$/, ""));
    }),
  );
});
