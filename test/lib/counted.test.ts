import { expect, test } from "bun:test";
import { counted } from "../../src/lib/counted.ts";

test.each([
  [0, "0 records"],
  [1, "1 record"],
  [2, "2 records"],
])("counted writes %d with the noun that it takes: %s", (count, words) => {
  expect(counted(count, "record")).toBe(words);
});
