import { expect, test } from "bun:test";
import fc from "fast-check";
import { Outbox } from "../../src/stream/outbox.ts";
import { ScriptedPeer } from "./scripted-peer.ts";

const runtimeBytesMax = 65_536;

function boxOf(bytesMax = 1000) {
  const peer = new ScriptedPeer();
  const box = new Outbox(peer, { bytesMax, warning: (queuedBytes) => `warning at ${queuedBytes}` });
  return { peer, box };
}

/** A client that stopped reading with the runtime's buffer full. */
function stalled(bytesMax = 1000) {
  const made = boxOf(bytesMax);
  made.peer.stalled = true;
  made.box.send("x".repeat(runtimeBytesMax + 1));
  made.peer.heard.length = 0;
  return made;
}

test("a client that reads gets everything at once", () => {
  const { peer, box } = boxOf();
  for (let i = 0; i < 10_000; i++) box.send(`${i}`);
  expect(peer.heard).toHaveLength(10_000);
  expect(box.queuedBytes).toBe(0);
});

test("a stalled client is warned once at half its bound and closed past it, and memory is given back", () => {
  const { peer, box } = stalled();
  for (let i = 0; i < 50; i++) box.send("0123456789");
  expect([peer.ended, box.queuedBytes]).toEqual([[], 500]);
  box.send("0");
  for (let i = 0; i < 40; i++) box.send("0123456789");
  expect(peer.ended).toEqual([]);
  for (let i = 0; i < 10; i++) box.send("0123456789");
  expect([peer.ended, box.queuedBytes]).toEqual([[4008, "cut"], 0]);
  expect(peer.heard).toEqual([]);
});

test("a client that reads again gets what waited, in order, with the warning where it fell", () => {
  const { peer, box } = stalled(100);
  for (const text of ["a".repeat(40), "b".repeat(20), "c"]) box.send(text);
  peer.resume(() => box.drained());
  expect(peer.heard).toEqual(["a".repeat(40), "b".repeat(20), "warning at 60", "c"]);
  box.send("live");
  expect(peer.heard.at(-1)).toBe("live");
});

test("one that may hear no more is closed at once: what waited is not said, and one that does not read is hung up on", () => {
  const { peer, box } = stalled();
  box.send("waits");
  box.close(1000, "done");
  box.cut(1008, "go");
  expect([peer.ended, box.queuedBytes]).toEqual([[1008, "cut"], 0]);
  peer.resume(() => box.drained());
  expect(peer.heard).toEqual([]);

  const reading = boxOf();
  reading.box.cut(1008, "go");
  reading.box.cut(1008, "again");
  expect(reading.peer.ended).toEqual([1008]);
});

test("a client that reads in small bites gets everything in order, no more than the runtime asks for at a time", () => {
  const { peer, box } = stalled(1_000_000);
  const texts = Array.from({ length: 6 }, (_, i) => `${i}`.repeat(runtimeBytesMax - 1));
  for (const text of texts) box.send(text);
  const taken: number[] = [];
  while (box.queuedBytes > 0) {
    peer.resume(undefined);
    // What it is given fills its buffer again.
    peer.stalled = true;
    box.drained();
    taken.push(peer.heard.length);
  }
  expect(taken).toEqual([2, 4, 6]);
  expect(peer.heard).toEqual(texts);
});

test("a client that stalls again is warned again", () => {
  const { peer, box } = stalled(100);
  box.send("a".repeat(60));
  peer.resume(() => box.drained());
  peer.stalled = true;
  box.send("x".repeat(runtimeBytesMax + 1));
  box.send("b".repeat(60));
  peer.resume(() => box.drained());
  expect(peer.heard.filter((text) => text.startsWith("warning"))).toHaveLength(2);
});

test("after its end nothing is sent and nothing is closed twice", () => {
  const { peer, box } = boxOf();
  box.close(1001, "bye");
  box.close(1000, "again");
  box.send("late");
  box.drained();
  expect([peer.heard, peer.ended]).toEqual([[], [1001]]);
});

test("whatever a client's reading does, it hears everything in order or is closed; the queue keeps its bound", () => {
  const step = fc.oneof(
    { weight: 5, arbitrary: fc.record({ kind: fc.constant("send" as const), size: fc.nat(300) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("stall" as const), size: fc.constant(0) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant("read" as const), size: fc.constant(0) }) },
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
      const { peer, box } = boxOf(1000);
      const sent: string[] = [];
      const send = (text: string): void => {
        sent.push(text);
        box.send(text);
      };
      for (const [i, { kind, size }] of steps.entries()) {
        if (kind === "stall") {
          peer.stalled = true;
          send("s".repeat(runtimeBytesMax + 1));
        } else if (kind === "read") peer.resume(() => box.drained());
        else send(`${i} ${"x".repeat(size)}`);
        expect(box.queuedBytes).toBeLessThanOrEqual(1000 + 20);
        if (peer.ended.length > 0) break;
      }
      peer.resume(() => box.drained());
      const heard = peer.heard.filter((text) => !text.startsWith("warning"));
      expect(heard).toEqual(peer.ended.length > 0 ? sent.slice(0, heard.length) : sent);
    }),
  );
});

// The bound is in bytes, but what is counted is UTF-16 units: a queue of "€" holds three times its bound.
test("the bound counts bytes, also of text outside ASCII", () => {
  const { peer, box } = stalled(100);
  box.send("€".repeat(34));
  expect(peer.ended).toEqual([4008, "cut"]);
});

// A job's last frame is followed by close(1000). While the client is slow, the close throws the queue away: the client is
// told that the job has ended, and never hears how. A normal end should wait for the queue to drain.
test("a normal end lets a slow client hear everything first", () => {
  const { peer, box } = stalled();
  box.send("the job is done");
  box.close(1000, "the job has ended");
  expect(peer.ended).toEqual([]);
  peer.resume(() => box.drained());
  expect([peer.heard, peer.ended]).toEqual([["the job is done"], [1000]]);
});
