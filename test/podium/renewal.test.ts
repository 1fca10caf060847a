import { expect, jest, test } from "bun:test";
import type { Line, TelemetryServer } from "./raw-telemetry.ts";
import type { Watched, WatchOptions } from "./watched-telemetry.ts";
import { cleanUp, serve, watch } from "./watched-telemetry.ts";

cleanUp();

/** Short enough that no heartbeat falls between: with the clock in our hands nobody would answer it in time. */
const ttlS = 20;
const dueMs = ttlS * 1000 * 0.75;

interface Stage extends Watched {
  readonly server: TelemetryServer;
  readonly first: Line;
  /** Lets the token come of age; resolves with the next connection. */
  age(): Promise<Line>;
}

/** A living connection with tokens `token-1`, `token-2`, … */
async function connected(options: WatchOptions = {}): Promise<Stage> {
  jest.useFakeTimers();
  const server = await serve();
  let tokens = 0;
  const watched = watch(server.url, { ttlS, token: () => Promise.resolve(`token-${++tokens}`), ...options });
  const open = watched.state("connected");
  watched.telemetry.start();
  await open;
  const age = (): Promise<Line> => {
    const line = server.next();
    jest.advanceTimersByTime(dueMs);
    return line;
  };
  return { ...watched, server, first: server.lines[0]!, age };
}

const tokenOf = ({ handshake }: Line): string | undefined => /token=([\w-]+)/.exec(handshake)?.[1];
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("before its token expires a quiet connection is renewed with a fresh one, and nobody notices", async () => {
  const { server, first, age, renewed, frame, frames, states } = await connected();
  first.text("1");
  await frame();
  const done = renewed();
  const second = await age();
  expect(tokenOf(second)).toBe("token-2");
  expect(await done).toBe(true);
  await first.gone;
  second.text("2");
  await frame();
  expect([frames, states]).toEqual([
    ["1", "2"],
    ["connecting", "connected"],
  ]);
  const again = renewed();
  const third = await age();
  expect([await again, tokenOf(third), server.connections()]).toEqual([true, "token-3", 3]);
});

test("a moment earlier nothing is renewed", async () => {
  const { server } = await connected();
  jest.advanceTimersByTime(dueMs - 1);
  await turn();
  expect(server.connections()).toBe(1);
});

test("what doesn't expire by our doing is not renewed", async () => {
  jest.useFakeTimers();
  const server = await serve();
  const { telemetry, state } = watch(server.url);
  const open = state("connected");
  telemetry.start();
  await open;
  jest.advanceTimersByTime(ttlS * 1000);
  await turn();
  expect(server.connections()).toBe(1);
});

test("what the next connection says before the change is held back, and told once and in order", async () => {
  const { first, age, renewed, frame, frames } = await connected();
  first.holdPongs();
  const done = renewed();
  const second = await age();
  const pinged = first.pings;
  second.text("welcome");
  await turn();
  expect(frames).toEqual([]);
  while (first.pings === pinged) await turn();
  first.answerPings();
  expect(await done).toBe(true);
  second.text("2");
  while (frames.length < 2) await frame();
  expect(frames).toEqual(["welcome", "2"]);
});

test("after stop nothing that was held back is told", async () => {
  const stage: Stage = await connected({ onFrame: () => stage.telemetry.stop() });
  stage.first.holdPongs();
  const done = stage.renewed();
  const second = await stage.age();
  const pinged = stage.first.pings;
  second.text("1", "2");
  while (stage.first.pings === pinged) await turn();
  await second.ask("have you heard both?");
  stage.first.answerPings();
  await done;
  await second.gone;
  expect(stage.frames).toEqual(["1"]);
});

test("a frame during the change can't be placed: nothing comes twice, and what may be missing is called a GAP", async () => {
  const { server, first, age, renewed, frame, frames, states } = await connected();
  first.holdPongs();
  const done = renewed();
  const second = await age();
  second.holdPongs();
  while (first.pings === 0) await server.ping();
  // Podium tells both what happens; the old connection is the one that counts.
  for (const line of [second, first]) line.text("both");
  await frame();
  first.answerPings();
  await first.gone;
  second.text("before its answer");
  while (second.pings === 0) await server.ping();
  second.answerPings();
  expect(await done).toBe(false);
  second.text("after");
  await frame();
  expect([frames, states]).toEqual([
    ["both", "after"],
    ["connecting", "connected"],
  ]);
});

test("an old connection that does not answer may have more to say: the change is a GAP", async () => {
  const { server, first, age, renewed } = await connected();
  first.holdPongs();
  const done = renewed();
  await age();
  while (first.pings === 0) await server.ping();
  jest.advanceTimersByTime(10_000);
  expect(await done).toBe(false);
});

test("a Podium that drops the old connection for the next one costs a GAP, not an outage", async () => {
  const { first, age, renewed, states, frame, frames } = await connected();
  first.holdPongs();
  const done = renewed();
  const second = await age();
  first.drop();
  expect(await done).toBe(false);
  second.text("2");
  await frame();
  expect([frames, states]).toEqual([["2"], ["connecting", "connected"]]);
});

test("a renewal that fails is tried again, and the living connection goes on meanwhile", async () => {
  const { server, first, renewed, frame, frames, states } = await connected({ random: () => 0.999 });
  server.refuse("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  jest.advanceTimersByTime(dueMs);
  while (server.connections() < 2) await turn();
  await server.refused();
  first.text("1");
  await frame();
  server.refuse(undefined);
  const done = renewed();
  while (server.connections() < 3) {
    jest.advanceTimersByTime(50);
    await turn();
  }
  expect(await done).toBe(true);
  expect([frames, states]).toEqual([["1"], ["connecting", "connected"]]);
});

test("a token that can't be made for a renewal is tried again, and the living connection goes on meanwhile", async () => {
  let made = 0;
  const token = (): Promise<string> => (++made === 2 ? Promise.reject(new Error("no key")) : Promise.resolve("t"));
  const { server, renewed, states } = await connected({ token });
  const done = renewed();
  jest.advanceTimersByTime(dueMs);
  await turn();
  expect([made, server.connections()]).toEqual([2, 1]);
  jest.advanceTimersByTime(1);
  expect(made).toBe(3);
  expect(await done).toBe(true);
  expect(states).toEqual(["connecting", "connected"]);
});

test("without a token there is no connection: it is said, and tried again", async () => {
  jest.useFakeTimers();
  const server = await serve();
  let made = 0;
  const token = (): Promise<string> => (++made === 1 ? Promise.reject(new Error("no key")) : Promise.resolve("t"));
  const { telemetry, states, state } = watch(server.url, { token });
  const open = state("connected");
  telemetry.start();
  await turn();
  expect(states.at(-1)).toBe("disconnected: no token could be made");
  jest.advanceTimersByTime(1);
  await open;
  expect([server.connections(), states.slice(2)]).toEqual([1, ["connecting", "connected"]]);
});

test("a Podium that closes at the token's end is called again at once, with a fresh token", async () => {
  const { server, first, state, states } = await connected({ random: () => 0.999 });
  server.refuse("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n");
  jest.advanceTimersByTime(dueMs);
  while (server.connections() < 2) await turn();
  await server.refused();
  server.refuse(undefined);
  const [lost, back, line] = [state("disconnected"), state("connected"), server.next()];
  first.close(4401);
  await lost;
  jest.advanceTimersByTime(1);
  await back;
  expect(tokenOf(await line)).toBe("token-3");
  expect(states.at(-3)).toBe("disconnected: closed with code 4401");
});

test("a next connection that is lost during the change is an outage like any other", async () => {
  const { server, first, age, state, renewals } = await connected();
  first.holdPongs();
  const second = await age();
  second.holdPongs();
  while (first.pings === 0) await server.ping();
  first.drop();
  while (second.pings === 0) await server.ping();
  const [lost, back] = [state("disconnected"), state("connected")];
  second.drop();
  await lost;
  jest.advanceTimersByTime(1);
  await back;
  expect(renewals).toEqual([]);
});

test.each(["opening", "asking", "skipping"] as const)("stop while %s leaves nothing", async (moment) => {
  const { server, first, age, telemetry, states, renewals } = await connected();
  if (moment === "opening") server.refuse("");
  else first.holdPongs();
  if (moment === "opening") {
    jest.advanceTimersByTime(dueMs);
    while (server.connections() < 2) await turn();
  } else {
    const second = await age();
    while (first.pings === 0) await server.ping();
    if (moment === "skipping") {
      second.holdPongs();
      first.drop();
      while (second.pings === 0) await server.ping();
    }
  }
  telemetry.stop();
  const before = [...states];
  await first.gone;
  jest.advanceTimersByTime(10 * dueMs);
  await turn();
  expect([states, renewals, jest.getTimerCount(), server.connections()]).toEqual([before, [], 0, 2]);
});
