import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type net from "node:net";
import type { OutgoingRequest } from "../../src/runtime/types.ts";
import type { Driver, Result } from "./driver.ts";
import { runtimeNames, startDriver } from "./driver.ts";
import type { RawServer } from "./raw-server.ts";
import { rawServer } from "./raw-server.ts";

/**
 * A connection that is kept for the next request may die under it. Whether or not a runtime keeps any, a request that
 * can have arrived is never sent again, and is never called unsent.
 */
const keptOpen = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";

function post(url: string, id: string): OutgoingRequest {
  const headers = { "content-type": "application/json" };
  return { url, method: "POST", headers, body: `{"id":"${id}"}`, timeoutMs: 2000, bodyBytesMax: 4096 };
}

function arrivals({ requests }: RawServer, id: string): number {
  return requests.filter((text) => text.includes(`{"id":"${id}"}`)).length;
}

const deaths: readonly [string, (socket: net.Socket) => void][] = [
  ["is closed", (socket) => void socket.end()],
  ["is torn down", (socket) => void socket.destroy()],
  ["is reset", (socket) => void socket.resetAndDestroy()],
  ["is closed in the middle of the head", (socket) => void socket.end("HTTP/1.1 20")],
];

/** Good to each connection's first request; the second meets the death. */
function twoFaced(die: (socket: net.Socket) => void): (socket: net.Socket) => void {
  const seen = new WeakSet<net.Socket>();
  return (socket) => {
    if (seen.has(socket)) return die(socket);
    seen.add(socket);
    socket.write(keptOpen);
  };
}

describe.each(runtimeNames)("a kept connection on %s", (name) => {
  let driver: Driver;
  beforeAll(() => void (driver = startDriver(name, {})));
  afterAll(() => driver.stop());

  test.each(deaths)("that %s under a request is not made up for", async (_how, die) => {
    const server = await rawServer(twoFaced(die));
    const results: Result[] = [];
    for (let i = 0; i < 6; i++) results.push(await driver.exchange(post(server.url, `r${i}`)));
    for (const [i, { status, kind, sent }] of results.entries()) {
      expect(arrivals(server, `r${i}`)).toBe(1);
      if (status === undefined) expect([kind, sent]).toEqual(["broken", true]);
    }
    await server.close();
  });

  test("that the server closed while it was idle is not used for the next request", async () => {
    let closed = Promise.withResolvers<void>();
    const server = await rawServer((socket) => {
      socket.once("close", () => closed.resolve());
      socket.write(keptOpen, () => socket.end());
    });
    for (let i = 0; i < 5; i++) {
      closed = Promise.withResolvers();
      expect(await driver.exchange(post(server.url, `r${i}`))).toMatchObject({ status: 200 });
      await closed.promise;
      expect(arrivals(server, `r${i}`)).toBe(1);
    }
    await server.close();
  });

  test("that the server closes right behind its answer, without having said so, is not used again", async () => {
    const server = await rawServer((socket) => void socket.end(keptOpen));
    // The next request is at hand in the moment of the answer: the worst that a line of waiting commands can do.
    const results = await driver.oneAfterTheOther(Array.from({ length: 40 }, (_, i) => post(server.url, `r${i}`)));
    expect(results.map(({ status }) => status)).toEqual(results.map(() => 200));
    await server.close();
  });

  test("on which something came that nobody asked for is not used: no answer is taken for another's", async () => {
    for (const stray of ["HTTP/1.1 408 Request Timeout", "HTTP/1.1 200 OK"]) {
      const server = await rawServer((socket) => {
        socket.write(keptOpen, () => setTimeout(() => socket.write(`${stray}\r\ncontent-length: 5\r\n\r\nstray`), 10));
      });
      const requests = [post(server.url, "r0"), post(server.url, "r1")];
      const [first, second] = await driver.oneAfterTheOther(requests, { spinMs: 100 });
      expect(first).toMatchObject({ status: 200, body: "ok" });
      expect(second).toMatchObject({ status: 200, body: "ok" });
      await server.close();
    }
  });

  test("a 408 on a second request may be about the connection: it is no refusal", async () => {
    const server = await rawServer(
      twoFaced((socket) => void socket.end("HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n")),
    );
    const requests = Array.from({ length: 8 }, (_, i) => post(server.url, `r${i}`));
    for (const { status, kind, sent } of await driver.oneAfterTheOther(requests, { spinMs: 10 })) {
      if (status === undefined) expect([kind, sent]).toEqual(["broken", true]);
      else expect(status).toBe(200);
    }
    await server.close();
  });

  test("leads to one server only", async () => {
    const servers = [
      await rawServer((socket) => void socket.write(keptOpen)),
      await rawServer((socket) => void socket.write(keptOpen)),
    ];
    const requests = Array.from({ length: 40 }, (_, i) => post(servers[i % 2]!.url, `r${i}`));
    await driver.oneAfterTheOther(requests, { spinMs: 1 });
    for (const [which, server] of servers.entries()) {
      const ids = server.requests.map((text) => Number(/"id":"r(\d+)"/.exec(text)![1]));
      expect(ids).toEqual(Array.from({ length: 20 }, (_, i) => 2 * i + which));
      await server.close();
    }
  });

  test("that dies just as a request goes out: it arrives once at most, and what arrived is never called unsent", async () => {
    let count = 0;
    const server = await rawServer((socket) => {
      socket.write(keptOpen, () => {
        if (count++ % 3 === 0) setImmediate(() => socket.destroy());
        else if (count % 3 === 1) setTimeout(() => socket.resetAndDestroy(), 1);
        else socket.end();
      });
    });
    for (let i = 0; i < 150; i++) {
      const { status, kind, sent } = await driver.exchange(post(server.url, `r${i}`));
      const arrived = arrivals(server, `r${i}`);
      expect(arrived).toBeLessThanOrEqual(1);
      if (status !== undefined) expect(arrived).toBe(1);
      if (sent === false) expect([kind, arrived]).toEqual(["unreachable", 0]);
    }
    await server.close();
  });
});

test("Bun: one that has rested carries the next request, one that is busy does not", async () => {
  const driver = startDriver("bun", {});
  const hold = Promise.withResolvers<void>();
  const server = await rawServer((socket) => {
    if (server.requests.at(-1)?.includes("slow")) void hold.promise.then(() => socket.write(keptOpen));
    else socket.write(keptOpen);
  });
  const isReused = (): boolean => server.connections() < server.requests.length;
  for (let i = 0; !isReused(); i++) await driver.exchange(post(server.url, `r${i}`));
  const slow = driver.exchange(post(server.url, "slow"));
  expect(await driver.exchange(post(server.url, "quick"))).toMatchObject({ status: 200 });
  hold.resolve();
  expect(await slow).toMatchObject({ status: 200 });
  driver.stop();
  await server.close();
});

test("Bun: a server that closes idle connections is given none to keep", async () => {
  const driver = startDriver("bun", {});
  const server = await rawServer((socket) => {
    // Later than right behind the answer, sooner than its time.
    socket.write(keptOpen, () => setTimeout(() => socket.end(), 20));
  });
  const closed = Promise.withResolvers<void>();
  server.onClosed = () => closed.resolve();
  await driver.exchange(post(server.url, "first"));
  await closed.promise;
  for (let i = 0; i < 40; i++) expect(await driver.exchange(post(server.url, `r${i}`))).toMatchObject({ status: 200 });
  expect(server.connections()).toBe(server.requests.length);
  driver.stop();
  await server.close();
});

test("Bun: one that nobody has used for a second is closed", async () => {
  const driver = startDriver("bun", {});
  const closed = Promise.withResolvers<void>();
  const server = await rawServer((socket) => void socket.write(keptOpen));
  server.onClosed = () => closed.resolve();
  await driver.exchange(post(server.url, "r0"));
  await closed.promise;
  driver.stop();
  await server.close();
});

test("Bun: one whose request was answered before it was read to its end is not used again", async () => {
  const driver = startDriver("bun", {});
  const server = await rawServer(
    (socket) => void socket.write(keptOpen),
    (socket) => {
      if (server.connections() > 1) return;
      socket.once("data", () => {
        socket.pause();
        socket.write(keptOpen);
      });
    },
  );
  const large = { ...post(server.url, "large"), body: "x".repeat(20_000_000) };
  const results = await driver.oneAfterTheOther([large, post(server.url, "next")], { spinMs: 20 });
  expect(results.map(({ status }) => status)).toEqual([200, 200]);
  expect(server.connections()).toBe(2);
  driver.stop();
  await server.close();
});
