import { afterEach, expect, jest, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import { Clients } from "../../src/stream/clients.ts";
import { Outbox } from "../../src/stream/outbox.ts";
import { ScriptedPeer } from "./scripted-peer.ts";

afterEach(() => void jest.useRealTimers());

function refusal(work: () => unknown): string | undefined {
  try {
    work();
    return undefined;
  } catch (error) {
    return error instanceof Problem ? `${error.code}: ${error.message}` : "no problem of ours";
  }
}

function connect(clients: Clients): ScriptedPeer {
  const peer = new ScriptedPeer();
  clients.add(new Outbox(peer, { bytesMax: 1000, warning: () => "" }));
  return peer;
}

test("places are counted for everybody and for each address, and given back once", () => {
  const clients = new Clients({ clientsMax: 3, perAddressMax: 2 });
  const leave = clients.admit("a");
  clients.admit("a");
  expect(refusal(() => clients.admit("a"))).toContain("clients_per_address_max");
  clients.admit("b");
  expect(refusal(() => clients.admit("c"))).toContain("stream.clients_max");
  leave();
  leave();
  clients.admit("a");
  expect(refusal(() => clients.admit("b"))).toContain("too_many_clients");
});

test("a few are told to go at once, a crowd spread over the time", async () => {
  jest.useFakeTimers();
  const few = new Clients({ clientsMax: 1000, perAddressMax: 1000 });
  const peers = Array.from({ length: 50 }, () => connect(few));
  await few.closeAll(1000);
  expect(peers.every(({ ended }) => ended[0] === 1001)).toBe(true);
  const many = new Clients({ clientsMax: 1000, perAddressMax: 1000 });
  const crowd = Array.from({ length: 200 }, () => connect(many));
  const gone = (): number => crowd.filter(({ ended }) => ended[0] === 1001).length;
  const closing = many.closeAll(1000);
  const told: number[] = [];
  for (let passed = 0; passed < 1000; passed += 250) {
    told.push(gone());
    for (let i = 0; i < 5; i++) {
      jest.advanceTimersByTime(50);
      await Promise.resolve();
    }
  }
  await closing;
  expect(told).toEqual([10, 60, 110, 160]);
  expect(gone()).toBe(200);
});

test("once the end has begun nobody comes in, and who was on the way in is told, too", async () => {
  const clients = new Clients({ clientsMax: 10, perAddressMax: 10 });
  clients.admit("a");
  await clients.closeAll(1000);
  expect(refusal(() => clients.admit("a"))).toStartWith("shutting_down");
  expect(connect(clients).ended).toEqual([1001]);
});

test("whose pass is no longer valid is told to go, and nobody else; each pass is looked at once", () => {
  const clients = new Clients({ clientsMax: 10, perAddressMax: 10 });
  const valid = new Set(["one", "two"]);
  let looks = 0;
  const join = (key?: string): ScriptedPeer => {
    const peer = new ScriptedPeer();
    const pass = key === undefined ? undefined : { key, isValid: () => (looks++, valid.has(key)) };
    clients.add(new Outbox(peer, { bytesMax: 1000, warning: () => "" }), pass);
    return peer;
  };
  const peers = [join("one"), join("two"), join("one"), join()];
  clients.dismissStrangers();
  expect(peers.map(({ ended }) => ended)).toEqual([[], [], [], []]);
  valid.delete("one");
  looks = 0;
  clients.dismissStrangers();
  expect(peers.map(({ ended }) => ended)).toEqual([[1008], [], [1008], []]);
  expect(looks).toBe(2);
});

test("who must go is not waited for, though he reads nothing and more waits for him", () => {
  const clients = new Clients({ clientsMax: 10, perAddressMax: 10 });
  const peer = new ScriptedPeer();
  const box = new Outbox(peer, { bytesMax: 1000, warning: () => "" });
  peer.stalled = true;
  for (const text of ["x".repeat(1_048_576), "in the queue"]) box.send(text);
  expect(box.isBlocked).toBe(true);
  clients.add(box, { key: "removed", isValid: () => false });
  clients.dismissStrangers();
  expect(peer.ended).toEqual([1008, "cut"]);
});
