import { expect, test } from "bun:test";
import fc from "fast-check";
import type { StreamContext } from "../../src/stream/client.ts";
import { inboundMax, streamClient } from "../../src/stream/client.ts";
import { renderEnvelope, renderPlain, renderServerSent } from "../../src/stream/render.ts";
import { morning } from "../lib/fake-clock.ts";
import type { Joined } from "./room.ts";
import { frame, join, roomOf } from "./room.ts";
import { ScriptedPeer } from "./scripted-peer.ts";

test("a client hears the gateway's status first, then what is live, as Podium's own bytes", () => {
  const { hub, context } = roomOf();
  hub.publish(frame("STORY-1", "queued"));
  const { peer } = join(context);
  hub.publish('{ "type":"STORY_STATUS", "n":1.0 }');
  expect(peer.heard).toHaveLength(2);
  expect(JSON.parse(peer.heard[0]!)).toMatchObject({ type: "GATEWAY_STATUS", podium: "disconnected" });
  expect(peer.heard[1]).toBe('{ "type":"STORY_STATUS", "n":1.0 }');
});

test("a client hears only the types it asked for, and our own frames always", () => {
  const { hub, upstream, context } = roomOf();
  const { types } = join(context, { types: new Set(["QUEUE_UPDATE"]) });
  hub.publish(frame("STORY-1", "queued"));
  upstream.change("connecting", "");
  expect(types()).toEqual(["GATEWAY_STATUS", "GATEWAY_STATUS"]);
});

test("a client that talks is closed, and one that leaves is forgotten", () => {
  const { hub, context } = roomOf();
  const { peer, handlers } = join(context);
  for (let i = 0; i < inboundMax; i++) handlers.message(peer, 1);
  expect(peer.ended).toEqual([]);
  handlers.message(peer, 1);
  expect(peer.ended).toEqual([1008]);
  expect([hub.subscribers, context.clients.size]).toEqual([0, 0]);
});

test("a cursor that can't be honoured gets a GAP and a fresh snapshot", async () => {
  const { hub, context } = roomOf();
  hub.publish(frame("STORY-1", "queued"));
  const { peer, types } = join(context, { since: "0123456789abcdef:1" });
  await Promise.resolve();
  await Promise.resolve();
  expect(types()).toEqual(["GATEWAY_STATUS", "GAP", "SNAPSHOT"]);
  expect(JSON.parse(peer.heard[1]!)).toMatchObject({ reason: "cursor", resumeAt: `${hub.epoch}:1` });
});

test("an outage is told once, with what may have been missed", async () => {
  const { upstream, context } = roomOf();
  upstream.change("connecting", "");
  upstream.change("connected", "");
  const { peer, types } = join(context);
  upstream.change("disconnected", "closed with code 1006");
  upstream.change("connecting", "");
  upstream.change("disconnected", "ECONNREFUSED");
  upstream.change("connected", "");
  await Promise.resolve();
  await Promise.resolve();
  expect(types().filter((type) => type === "GAP")).toHaveLength(1);
  expect(types().at(-1)).toBe("SNAPSHOT");
  expect(JSON.parse(peer.heard[1]!)).toMatchObject({ podium: "disconnected", detail: "closed with code 1006" });
});

test("each outage has its own beginning and end", () => {
  const { upstream, context, clock } = roomOf();
  upstream.change("connected", "");
  const { peer } = join(context);
  const at = (ms: number): string => new Date(morning + ms).toISOString();
  for (const state of ["disconnected", "connecting", "disconnected", "connected", "disconnected", "connected"]) {
    clock.pass(1);
    upstream.change(state, "");
  }
  const gaps = peer.heard.map((text) => JSON.parse(text)).filter(({ type }) => type === "GAP");
  expect(gaps.map(({ from, to }) => [from, to])).toEqual([
    [at(1), at(4)],
    [at(5), at(6)],
  ]);
});

test("a client that resumes hears only the types it asked for, wherever its cursor comes from", () => {
  const { hub, upstream, context } = roomOf();
  hub.passOn(["A", "B"]);
  upstream.change("connected", "");
  for (const type of ["A", "B", "A", "B"]) hub.publish(JSON.stringify({ type }));
  upstream.renewed(false);
  const { types } = join(context, { since: `${hub.epoch}:1`, types: new Set(["B"]) });
  for (const type of ["A", "B"]) hub.publish(JSON.stringify({ type }));
  expect(types()).toEqual(["GATEWAY_STATUS", "B", "B", "GAP", "B"]);
});

test.each(["events", "envelopes"])(
  "%s: our own frames move the cursor to where the client is, never past what it has not heard",
  (kind) => {
    const { hub, upstream, context } = roomOf();
    for (const word of ["a", "b", "c"]) hub.publish(frame("STORY-1", word));
    const idsOf = (since?: string): (string | undefined)[] => {
      const peer = new ScriptedPeer();
      const render = kind === "events" ? renderServerSent(hub, renderPlain) : renderEnvelope(hub);
      streamClient(context, since === undefined ? {} : { since }, render).open(peer);
      upstream.ignored({ binary: 0, oversized: 0, garbage: 1 });
      return peer.heard.map((text) => /^(?:id: |\{"id":")([^"\n]*)/.exec(text)?.[1]);
    };
    const at = (seq: number): string => `${hub.epoch}:${seq}`;
    expect(idsOf()).toEqual([at(3), at(3)]);
    expect(idsOf(at(1))).toEqual([undefined, at(2), at(3), at(3)]);
    expect(idsOf("0")).toEqual([undefined, at(3), at(3)]);
  },
);

test("a client is warned at half of its queue, with how much waits and how much may", () => {
  const { hub, context } = roomOf();
  const peer = new ScriptedPeer();
  peer.stalled = true;
  const handlers = streamClient({ ...context, queueBytesMax: 10_000 }, {}, renderPlain);
  handlers.open(peer);
  for (let n = 0; n < 70; n++) hub.publish(big(n));
  peer.resume(() => handlers.drain(peer));
  const [warning, ...more] = peer.heard.filter((text) => text.includes("slow_client"));
  const { queuedBytes, ...told } = JSON.parse(warning!) as Record<string, unknown>;
  expect(told).toMatchObject({ type: "GATEWAY_STATUS", warning: "slow_client", queueBytesMax: 10_000 });
  expect(queuedBytes).toBeWithin(5_000, 10_000);
  expect([more, peer.ended]).toEqual([[], []]);
});

test("a client that is dropped as too slow is forgotten at once, however long its connection takes to end", () => {
  const { hub, context } = roomOf();
  const peer = new ScriptedPeer();
  peer.stalled = true;
  streamClient({ ...context, queueBytesMax: 10_000 }, {}, renderPlain).open(peer);
  for (let n = 0; n < 100; n++) hub.publish(big(n));
  expect(peer.ended).toEqual([4008, "cut"]);
  expect([hub.subscribers, context.clients.size, context.clients.dropped]).toEqual([0, 0, 1]);
});

test("a renewal is told only when something may be missing, and changes no state", async () => {
  const { hub, upstream, context } = roomOf();
  upstream.change("connected", "");
  const { types, peer } = join(context);
  upstream.renewed(true);
  expect(types()).toEqual(["GATEWAY_STATUS"]);
  hub.publish(frame("STORY-1", "queued"));
  upstream.renewed(false);
  await Promise.resolve();
  await Promise.resolve();
  expect(types().slice(2)).toEqual(["GAP", "SNAPSHOT"]);
  expect(JSON.parse(peer.heard[2]!)).toMatchObject({ reason: "renewal" });
  expect(join(context, { since: `${hub.epoch}:1` }).types()).toEqual(["GATEWAY_STATUS", "GAP"]);
});

test("frames that could not be passed on are said, now and to whoever comes later", () => {
  const { upstream, context } = roomOf();
  upstream.change("connected", "");
  const ignored = { binary: 1, oversized: 0, garbage: 2 };
  const early = join(context);
  upstream.ignored(ignored);
  for (const { peer } of [early, join(context)]) {
    expect(JSON.parse(peer.heard.at(-1)!)).toMatchObject({ type: "GATEWAY_STATUS", podium: "connected", ignored });
  }
});

/** Frames of 1 KiB and more, of which a stalled client takes some dozens and no more. */
const big = (n: number): string => JSON.stringify({ type: "STORY_STATUS", n, filler: "x".repeat(1000) });
const numbersIn = ({ heard }: ScriptedPeer): number[] =>
  heard.flatMap((text) => (text.includes('"n":') ? [(JSON.parse(text) as { n: number }).n] : []));

test("what a client missed waits in the history, not in a queue: nobody is slow for having been away", () => {
  const { hub, context } = roomOf(1000);
  for (let n = 1; n <= 500; n++) hub.publish(big(n));
  const peer = new ScriptedPeer();
  peer.stalled = true;
  const handlers = streamClient({ ...context, queueBytesMax: 10_000 }, { since: `${hub.epoch}:0` }, renderPlain);
  peer.onClose = (code) => handlers.close(peer, code);
  handlers.open(peer);
  expect(peer.heard.length).toBeLessThan(100);
  for (let n = 501; n <= 600; n++) hub.publish(big(n));
  peer.resume(() => handlers.drain(peer));
  hub.publish(big(601));
  expect(numbersIn(peer)).toEqual(Array.from({ length: 601 }, (_, i) => i + 1));
  expect(peer.heard.filter((text) => text.includes("GATEWAY_STATUS"))).toHaveLength(2);
  expect([peer.ended, hub.subscribers]).toEqual([[], 1]);
});

test("whoever catches up more slowly than the history moves is told that it is too slow", () => {
  const { hub, context } = roomOf(100);
  for (let n = 1; n <= 100; n++) hub.publish(big(n));
  const peer = new ScriptedPeer();
  peer.stalled = true;
  const handlers = streamClient(context, { since: `${hub.epoch}:0` }, renderPlain);
  peer.onClose = (code) => handlers.close(peer, code);
  handlers.open(peer);
  for (let n = 101; n <= 400; n++) hub.publish(big(n));
  peer.resume(() => handlers.drain(peer));
  expect(peer.ended).toEqual([4008, "cut"]);
  expect([hub.subscribers, context.clients.size, context.clients.dropped]).toEqual([0, 0, 1]);
});

type Step = { readonly kind: "publish" | "join" | "drop" | "resume" | "announce"; readonly who: number };
const steps = fc.array(
  fc.record({
    kind: fc.constantFrom(
      "publish" as const,
      "publish" as const,
      "join" as const,
      "drop" as const,
      "resume" as const,
      "announce" as const,
    ),
    who: fc.nat(3),
  }),
  { maxLength: 120 },
);

/** One client over its whole life of drops and resumes, and what it was told of the sequence. */
class Follower {
  joined: Joined | undefined;
  /** Positions heard; a GAP stands as "gap". */
  readonly story: (number | "gap")[] = [];
  from = 0;
  cursor: string | undefined;

  come(context: StreamContext): void {
    if (this.joined) return;
    if (this.cursor === undefined) this.from = context.hub.seq;
    this.joined = join(context, this.cursor === undefined ? {} : { since: this.cursor }, true);
  }

  /** Reads what it heard, as a client would: the id of each envelope is its next cursor. */
  read(): void {
    for (const text of this.joined?.peer.heard.splice(0) ?? []) {
      const { id, event } = JSON.parse(text) as { id: string | null; event: { type: string; resumeAt?: string } };
      if (event.type === "GAP") {
        this.story.push("gap");
        this.cursor = event.resumeAt!;
      }
      if (id === null) continue;
      this.cursor = id;
      // Its id is a place in the sequence that the follower has reached, and no frame of it.
      if (event.type !== "GATEWAY_STATUS") this.story.push(Number(id.split(":")[1]));
    }
  }

  go(): void {
    this.read();
    this.joined?.handlers.close(this.joined.peer, 1006);
    this.joined = undefined;
  }
}

test("through joins, drops and resumes nothing comes twice, nothing is missing, and what is lost is called a GAP", () => {
  fc.assert(
    fc.property(steps, fc.integer({ min: 1, max: 20 }), (schedule: readonly Step[], history) => {
      const { hub, context } = roomOf(history);
      const followers = Array.from({ length: 4 }, () => new Follower());
      for (const { kind, who } of schedule) {
        const follower = followers[who]!;
        if (kind === "publish") hub.publish(frame("STORY-1", `${hub.seq + 1}`));
        else if (kind === "announce") hub.announce("GATEWAY_STATUS", {});
        else if (kind === "drop") follower.go();
        else follower.come(context);
        for (const each of followers) each.read();
      }
      for (const { story, from, joined } of followers) {
        let before = from;
        for (const [i, position] of story.entries()) {
          if (position === "gap") continue;
          if (story[i - 1] === "gap") expect(position).toBeGreaterThan(before);
          else expect(position).toBe(before + 1);
          before = position;
        }
        if (joined && story.at(-1) !== "gap") expect(before).toBe(Math.max(hub.seq, from));
      }
    }),
    { numRuns: 300 },
  );
});

// A client that was away while Podium's stream was down gets the missed frames of the history and nothing else: the hole
// that the outage left in them is not told. Its cursor lies before the outage, so a GAP belongs between the frames.
test("a client that resumes across an upstream outage is told of it", () => {
  const { hub, upstream, context } = roomOf();
  upstream.change("connected", "");
  hub.publish(frame("STORY-1", "queued"));
  upstream.change("disconnected", "closed with code 1006");
  upstream.change("connected", "");
  hub.publish(frame("STORY-1", "in_progress"));
  const { types } = join(context, { since: `${hub.epoch}:1` });
  expect(types()).toEqual(["GATEWAY_STATUS", "GAP", "STORY_STATUS"]);
});
