import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { OutgoingRequest } from "../../src/runtime/types.ts";
import { hasOpenssl, identityOf, newAuthority } from "./authority.ts";
import type { Driver } from "./driver.ts";
import { runtimeNames, startDriver } from "./driver.ts";
import { exchangeCases } from "./exchange-cases.ts";
import type { Identity } from "./raw-server.ts";
import { rawServer } from "./raw-server.ts";

/** A Podium behind TLS: the same answers, and nothing is said to a server that can't show who it is. */
const nothingSent = { kind: "unreachable", sent: false };
const keptOpen = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";

function post(url: string, bounds: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { url, method: "POST", headers: {}, body: "{}", timeoutMs: 5000, bodyBytesMax: 4096, ...bounds };
}

describe.skipIf(!hasOpenssl).each(runtimeNames)("exchange over TLS on %s", (name) => {
  let dir: string;
  let podium: Identity;
  let driver: Driver;
  beforeAll(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-tls-"));
    const authority = newAuthority(dir);
    podium = identityOf(dir, "DNS:localhost,IP:127.0.0.1");
    driver = startDriver(name, { NODE_EXTRA_CA_CERTS: authority, DENO_CERT: authority });
  });
  afterAll(() => {
    driver.stop();
    fs.rmSync(dir, { recursive: true });
  });

  /** Deno calls an answer whole that ended without TLS saying so; what is read of it is no JSON, and settles nothing. */
  const cases = exchangeCases.filter((each) => name !== "deno" || !each.name.startsWith("a reset in the middle"));

  test.each(cases.map((each) => [each.name, each] as const))("%s", async (_name, each) => {
    const { answer, expected, timeoutMs, bodyBytesMax } = each;
    const server = await rawServer(answer, undefined, podium);
    const bounds = {
      ...(timeoutMs !== undefined && { timeoutMs }),
      ...(bodyBytesMax !== undefined && { bodyBytesMax }),
    };
    expect(await driver.exchange(post(server.url, bounds))).toMatchObject(expected);
    expect([server.requests.length, server.connections()]).toEqual([1, 1]);
    await server.close();
  });

  test("requests one after the other each arrive once, by address and by name", async () => {
    const server = await rawServer((socket) => void socket.write(keptOpen), undefined, podium);
    const urls = [server.url, `https://localhost:${server.port}`];
    for (let i = 0; i < 6; i++) {
      expect(await driver.exchange(post(urls[i % 2]!, { body: `{"n":${i}}` }))).toMatchObject({
        status: 200,
        body: "ok",
      });
    }
    expect(server.requests.map((text) => text.split("\r\n\r\n")[1])).toEqual(
      [0, 1, 2, 3, 4, 5].map((n) => `{"n":${n}}`),
    );
    await server.close();
  });

  test("what may not leave does not: there was a connection, and not a byte on it", async () => {
    const server = await rawServer(() => {}, undefined, podium);
    const result = await driver.exchange(post(server.url), { withdrawn: true });
    expect(result).toMatchObject({ ...nothingSent, message: "It was withdrawn" });
    expect(server.bytes()).toBe(0);
    await server.close();
  });

  test("a server that never shows who it is: it may still be withdrawn, nothing was sent, and it is hung up on", async () => {
    const closed = Promise.withResolvers<void>();
    const server = await rawServer(() => {});
    server.onClosed = () => closed.resolve();
    const url = server.url.replace("http:", "https:");
    const result = await driver.exchange(post(url, { timeoutMs: 300 }), { withdrawn: true });
    expect(result).toMatchObject({ ...nothingSent, message: "No connection within 300 ms" });
    await closed.promise;
    await server.close();
  });

  test("a server that speaks no TLS, or hangs up: nothing was sent", async () => {
    for (const greet of ["HTTP/1.1 400 Bad Request\r\n\r\n", ""]) {
      const server = await rawServer(
        () => {},
        (socket) => void socket.end(greet),
      );
      expect(await driver.exchange(post(server.url.replace("http:", "https:")))).toMatchObject(nothingSent);
      await server.close();
    }
  });

  test("a certificate for another name, or that nobody vouches for: nothing was sent", async () => {
    const stranger = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-tls-"));
    newAuthority(stranger);
    for (const identity of [identityOf(dir, "DNS:podium.invalid"), identityOf(stranger, "IP:127.0.0.1")]) {
      const server = await rawServer(() => {}, undefined, identity);
      const { message, ...result } = await driver.exchange(post(server.url));
      expect(result).toMatchObject(nothingSent);
      expect(message).toContain("Cannot connect");
      expect(server.bytes()).toBe(0);
      await server.close();
    }
    fs.rmSync(stranger, { recursive: true });
  });
});
