import { expect, test } from "bun:test";
import fc from "fast-check";
import { BoundedMap } from "../../src/lib/bounded-map.ts";

test("holds what a list of the newest would hold, whatever is set and deleted", () => {
  const key = fc.nat(8);
  const step = fc.oneof({ weight: 4, arbitrary: fc.record({ set: key, value: fc.nat() }) }, fc.record({ delete: key }));
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(step, { maxLength: 200 }), (sizeMax, steps) => {
      const map = new BoundedMap<number, number>(sizeMax);
      let list: [number, number][] = [];
      for (const one of steps) {
        if ("set" in one) {
          map.set(one.set, one.value);
          list = [...list.filter(([k]) => k !== one.set), [one.set, one.value] as [number, number]].slice(-sizeMax);
        } else {
          map.delete(one.delete);
          list = list.filter(([k]) => k !== one.delete);
        }
        expect([...map]).toEqual(list);
      }
    }),
  );
});

test("forgets in a step that does not grow with what it has forgotten", () => {
  const map = new BoundedMap<number, number>(50_000);
  const keys = map.keys.bind(map);
  let asked = 0;
  map.keys = () => (asked++, keys());
  for (let i = 0; i < 200_000; i++) map.set(i, i);
  expect(map.size).toBe(50_000);
  expect(asked).toBe(0);
});
