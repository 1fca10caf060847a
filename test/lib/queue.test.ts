import { expect, test } from "bun:test";
import fc from "fast-check";
import { Queue } from "../../src/lib/queue.ts";

test("a queue gives what an array gives, whatever is pushed and shifted when", () => {
  // Often enough to fill and empty several parts of it, to the last and past it.
  const runs = fc.oneof(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 2_500 }));
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.boolean(), runs), { maxLength: 20 }), (steps) => {
      const queue = new Queue<number>();
      const array: number[] = [];
      let next = 0;
      let isSame = true;
      for (const [isPush, times] of steps) {
        for (let i = 0; i < times; i++) {
          if (isPush) {
            queue.push(next);
            array.push(next++);
          } else isSame &&= queue.shift() === array.shift();
          isSame &&= queue.length === array.length && queue.first === array[0];
        }
        expect(isSame).toBe(true);
      }
    }),
  );
});

test("what was taken is not kept", () => {
  const queue = new Queue<{ n: number }>();
  for (let n = 0; n < 3_000; n++) queue.push({ n });
  for (let n = 0; n < 3_000; n++) expect(queue.shift()?.n).toBe(n);
  expect([queue.length, queue.first, queue.shift()]).toEqual([0, undefined, undefined]);
});
