import { expect, test } from "bun:test";
import { Handover } from "../../src/podium/handover.ts";
import type { UpstreamSocket } from "../../src/podium/upstream-socket.ts";

/** What the next connection may say before it counts. */
const heldLengthMax = 1_048_576;

/** A next connection that is open, beside an old one that answers its ping when the test says so. */
function changing() {
  const flushed = Promise.withResolvers<boolean>();
  const ended: string[] = [];
  const old = { flushed: () => flushed.promise } as unknown as UpstreamSocket;
  const next = { terminate: () => void ended.push("next") } as unknown as UpstreamSocket;
  let open = (): void => {};
  const handover = new Handover(old, (opened) => ((open = opened), next));
  open();
  return { handover, flush: () => flushed.resolve(true), ended };
}

test("a quiet change has no hole, and what was held back comes with it", async () => {
  const { handover, flush } = changing();
  handover.holdBack("welcome");
  handover.holdBack("x".repeat(heldLengthMax - "welcome".length));
  flush();
  expect(await handover.ready()).toBe(true);
  expect(handover.held).toHaveLength(2);
});

test("a next connection that says too much is not held in memory: the change is a GAP", async () => {
  const { handover, flush } = changing();
  handover.holdBack("x".repeat(heldLengthMax));
  handover.holdBack("x");
  expect(handover.held).toEqual([]);
  flush();
  expect(await handover.ready()).toBe(false);
});

test("a next connection that is lost while the old one is asked is none to change to", async () => {
  const { handover, flush } = changing();
  const ready = handover.ready();
  handover.nextLost();
  flush();
  expect(await ready).toBeUndefined();
  expect(handover.isOpen).toBe(false);
});

test("who gives a change up leaves no second connection behind", () => {
  const { handover, ended } = changing();
  handover.abandon();
  expect(ended).toEqual(["next"]);
});
