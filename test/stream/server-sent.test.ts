import { afterEach, expect, jest, test } from "bun:test";
import type { Peer } from "../../src/runtime/types.ts";
import { heartbeatS, requestIdleS } from "../../src/runtime/types.ts";
import { serverSentResponse } from "../../src/stream/server-sent.ts";

afterEach(() => void jest.useRealTimers());

const heartbeatMs = heartbeatS * 1000;

function open() {
  const closes: number[] = [];
  let drains = 0;
  let peer: Peer | undefined;
  const response = serverSentResponse({
    open: (made) => void (peer = made),
    message() {},
    drain: () => void drains++,
    close: (_, code) => void closes.push(code),
  });
  const reader = response.body!.getReader();
  const read = async (): Promise<string | undefined> => {
    const { value } = await reader.read();
    return value && new TextDecoder().decode(value);
  };
  return { peer: peer!, closes, reader, read, drains: () => drains };
}

test("a quiet stream says something every 25 s, more than twice before the runtime would call it idle", async () => {
  expect([heartbeatS, requestIdleS > 2 * heartbeatS]).toEqual([25, true]);
  jest.useFakeTimers();
  const { read, closes } = open();
  expect(await read()).toBe(": \n\n");
  for (let i = 0; i < 10; i++) {
    const next = read();
    jest.advanceTimersByTime(heartbeatMs);
    expect(await next).toBe(": \n\n");
  }
  expect(closes).toEqual([]);
});

test("what is sent waits until it is read, and reading drains it", async () => {
  const { peer, read, drains } = open();
  expect(peer.send("x".repeat(100_000))).toBeGreaterThan(100_000 - 1);
  const before = drains();
  await read();
  await read();
  expect([peer.send("y"), drains() > before]).toEqual([1, true]);
});

test("a client that leaves two heartbeats untaken is cut off, and leaves nothing behind", async () => {
  jest.useFakeTimers();
  const { read, closes } = open();
  // The first comment has been taken: the first heartbeat is the first to wait.
  expect(await read()).toBe(": \n\n");
  for (let i = 0; i < 2; i++) jest.advanceTimersByTime(heartbeatMs);
  expect(closes).toEqual([]);
  jest.advanceTimersByTime(heartbeatMs);
  expect([closes, jest.getTimerCount()]).toEqual([[1006], 0]);
  const cut = await read().catch(() => "cut off");
  expect(cut).toBe("cut off");
});

test("a stream that is ended hands over what waits, one that is cut does not", async () => {
  const ended = open();
  ended.peer.send("last");
  ended.peer.close(1000, "");
  expect([await ended.read(), await ended.read(), await ended.read()]).toEqual([": \n\n", "last", undefined]);
  const cut = open();
  cut.peer.send("last");
  cut.peer.close(4008, "");
  cut.peer.terminate();
  expect(await cut.read().catch(() => "cut off")).toBe("cut off");
  expect([ended.closes, cut.closes]).toEqual([[1000], [4008]]);
});

test("a client that goes is said once", async () => {
  const { peer, reader, closes } = open();
  await reader.cancel();
  peer.close(1001, "");
  peer.terminate();
  expect(closes).toEqual([1001]);
});
