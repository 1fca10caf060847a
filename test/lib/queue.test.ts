import { expect, test } from "bun:test";
import fc from "fast-check";
import { Queue } from "../../src/lib/queue.ts";

test("a queue gives what an array gives, whatever is pushed and shifted when", () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { size: "large" }), (pushes) => {
      const queue = new Queue<number>();
      const array: number[] = [];
      pushes.forEach((isPush, i) => {
        if (isPush) {
          queue.push(i);
          array.push(i);
        } else expect(queue.shift()).toBe(array.shift());
        expect([queue.length, queue.first]).toEqual([array.length, array[0]]);
      });
    }),
  );
});

test("what was taken is not kept", () => {
  const queue = new Queue<{ n: number }>();
  for (let n = 0; n < 1_000; n++) queue.push({ n });
  for (let n = 0; n < 1_000; n++) expect(queue.shift()?.n).toBe(n);
  expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
});
