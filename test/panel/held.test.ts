import { describe, expect, test } from "bun:test";
import { heldRows } from "../../src/panel/web/state/held.ts";

describe("a list that is held", () => {
  const told = (held: string, items: string, shown?: number): string => {
    const list = heldRows(new Map(held.split(" ").map((id) => [id, id])), items.split(" "), (id) => id, shown);
    const rows = list.rows.map(({ item, gone }) => `${item}${gone ? " gone" : ""}`);
    return `${rows.join(", ")}; ${list.more} more, ${list.waiting} wait`;
  };

  test("keeps its rows where they are: who has left stays, and who has come waits, wherever that is", () => {
    expect(told("b c d", "a d x b e")).toBe("b, c gone, d; 0 more, 3 wait");
    expect(told("a b", "x y z")).toBe("a gone, b gone; 0 more, 3 wait");
  });

  test("counts what is there and not drawn, and none that has left", () => {
    expect(told("a b c d e", "c d e f g", 3)).toBe("a gone, b gone, c; 2 more, 2 wait");
  });

  test("that is free shows as many as are drawn", () => {
    const { rows, more, waiting } = heldRows(undefined, ["a", "b", "c"], (id) => id, 2);
    expect([rows.map(({ item }) => item), more, waiting]).toEqual([["a", "b"], 1, 0]);
  });
});
