import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StreamEvent } from "../../src/stream/hub.ts";
import { hasHeardEnd, Hub } from "../../src/stream/hub.ts";
import { renderEnvelope, renderPlain, renderServerSent } from "../../src/stream/render.ts";
import { FakeClock } from "../lib/fake-clock.ts";

function hubOf(history = 100): Hub {
  return new Hub({ clock: new FakeClock(), types: ["STORY_STATUS", "QUEUE_UPDATE"], history });
}

/** What came after a cursor, oldest first; undefined when it can't be honoured. */
function since(hub: Hub, cursor: string): StreamEvent[] | undefined {
  let position = hub.positionOf(cursor);
  if (position === undefined) return undefined;
  const missed: StreamEvent[] = [];
  for (let next = hub.after(position); next !== undefined; next = hub.after(position)) {
    if (next === "forgotten") throw new Error("what was honoured has been forgotten");
    missed.push(next);
    position = next.seq;
  }
  return missed;
}

const frame = (n: number): string => `{"type":"STORY_STATUS","storyId":"STORY-1","n":${n}}`;

test("wanted frames are numbered without holes and reach every subscriber as the same bytes", () => {
  const hub = hubOf();
  const heard: StreamEvent[][] = [[], []];
  for (const list of heard) hub.subscribe((event) => list.push(event));
  const odd = '{ "type":"QUEUE_UPDATE", "n":1.0, "big":12345678901234567890 }';
  const texts = [frame(1), '{"type":"LOG"}', "garbage", "[]", "null", '{"type":7}', odd];
  for (const text of texts) hub.publish(text);
  for (const list of heard)
    expect(list.map(({ seq, text }) => [seq, text])).toEqual([
      [1, frame(1)],
      [2, odd],
    ]);
  expect(heard[0]![0] === heard[1]![0]).toBe(true);
});

test("what can't be read is said; what is only not wanted is not", () => {
  let garbage = 0;
  const hub = new Hub({ clock: new FakeClock(), types: ["STORY_STATUS"], history: 10, onGarbage: () => garbage++ });
  for (const text of [frame(1), '{"type":"LOG"}', "garbage", "[]", '{"type":7}', ""]) hub.publish(text);
  expect([garbage, hub.seq]).toEqual([4, 1]);
});

test("what is only not wanted is handed back to its publisher all the same, outside the sequence", () => {
  const hub = hubOf();
  const about = { storyId: "STORY-1", status: "done" };
  hub.passOn(["QUEUE_UPDATE"]);
  const frames = [{ type: "STORY_STATUS", ...about }, { type: "QUEUE_UPDATE" }];
  const published = frames.map((one) => hub.publish(JSON.stringify(one)));
  expect(published).toMatchObject([
    { seq: 0, ...about },
    { seq: 1, type: "QUEUE_UPDATE" },
  ]);
  expect([hub.seq, hub.publish("garbage")]).toEqual([1, undefined]);
});

test("a subscriber that leaves hears no more", () => {
  const hub = hubOf();
  const heard: number[] = [];
  const leave = hub.subscribe(({ seq }) => heard.push(seq));
  hub.publish(frame(1));
  leave();
  hub.publish(frame(2));
  expect([heard, hub.subscribers]).toEqual([[1], 0]);
});

test("frames of our own are outside the sequence", () => {
  const hub = hubOf();
  hub.publish(frame(1));
  const own = hub.announce("GATEWAY_STATUS", { podium: "connected" });
  hub.publish(frame(2));
  expect([own.seq, own.position, hub.seq]).toEqual([0, 1, 2]);
  expect(JSON.parse(own.text)).toEqual({
    type: "GATEWAY_STATUS",
    podium: "connected",
    timestamp: "2026-01-09T08:00:00.000Z",
  });
  expect(since(hub, `${hub.epoch}:0`)).toHaveLength(2);
});

test("a cursor gives exactly what came after it, or nothing at all", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 40 }), fc.nat(200), fc.nat(220), (history, published, seq) => {
      const hub = hubOf(history);
      for (let i = 1; i <= published; i++) hub.publish(frame(i));
      const missed = since(hub, `${hub.epoch}:${seq}`);
      if (seq > published) expect(missed).toBeUndefined();
      else if (published - seq <= history) {
        expect(missed?.map((event) => event.seq)).toEqual(
          Array.from({ length: published - seq }, (_, i) => seq + 1 + i),
        );
      } else if (missed) expect(missed).toHaveLength(published - seq);
      const oldest = since(hub, `${hub.epoch}:${published - history - (history >> 2) - 1}`);
      expect(oldest).toBeUndefined();
    }),
  );
});

test("the cursor of a job's last frame says that the end was heard, whichever life of ours it is of", () => {
  const hub = hubOf();
  for (const n of [1, 2]) hub.publish(frame(n));
  expect(since(hub, `${hub.epoch}:1:end`)).toHaveLength(1);
  const cursors = [`${hub.epoch}:1:end`, "0123456789abcdef:7:end", `${hub.epoch}:1`, ":end", "x:1:end", "0"];
  expect(cursors.map(hasHeardEnd)).toEqual([true, true, false, false, false, false]);
});

test.each([
  "",
  "x",
  "0",
  ":1",
  "0123456789abcdef:1",
  "0123456789abcdef:",
  "0123456789abcdef:-1",
  "0123456789ABCDEF:1 ",
  "0123456789abcdef:1:end",
])("the cursor %p of another epoch or of none can't be honoured", (cursor) => {
  const hub = hubOf();
  hub.publish(frame(1));
  expect(since(hub, cursor)).toBeUndefined();
});

test("two hubs have two epochs", () => {
  expect(hubOf().epoch).toMatch(/^[0-9a-f]{16}$/);
  expect(hubOf().epoch).not.toBe(hubOf().epoch);
});

test("history is bounded in bytes too, and says so by refusing old cursors", () => {
  const hub = hubOf(1000);
  const big = JSON.stringify({ type: "STORY_STATUS", text: "x".repeat(1_000_000) });
  for (let i = 0; i < 40; i++) hub.publish(big);
  expect(since(hub, `${hub.epoch}:0`)).toBeUndefined();
  const kept = since(hub, `${hub.epoch}:24`);
  expect(kept).toHaveLength(16);
});

test("the newest fitting frame of each story is found, oldest first", () => {
  const hub = hubOf();
  for (let i = 1; i <= 3; i++) hub.publish(frame(i));
  hub.publish('{"type":"QUEUE_UPDATE"}');
  hub.publish('{"type":"STORY_STATUS","storyId":"STORY-2"}');
  hub.publish(frame(4));
  const seqs = (type: string): number[] => hub.newest((event) => event.type === type).map(({ seq }) => seq);
  expect([seqs("STORY_STATUS"), seqs("QUEUE_UPDATE"), seqs("LOG")]).toEqual([[5, 6], [4], []]);
});

test("an envelope is spliced around Podium's bytes, and server-sent events keep them through line breaks", () => {
  const hub = hubOf();
  const odd = '{"type":"STORY_STATUS",\r\n"n":1.0}';
  const event = hub.publish(odd)!;
  expect(renderPlain(event)).toBe(odd);
  expect(renderEnvelope(hub)(event)).toBe(`{"id":"${hub.epoch}:1","at":"2026-01-09T08:00:00.000Z","event":${odd}}`);
  expect(renderEnvelope(hub)(hub.own("GAP", {}))).toStartWith('{"id":null,');
  expect(renderServerSent(hub, renderPlain)(event)).toBe(
    `id: ${hub.epoch}:1\ndata: {"type":"STORY_STATUS",\ndata: "n":1.0}\n\n`,
  );
});
