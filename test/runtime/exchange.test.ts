import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { OutgoingRequest } from "../../src/runtime/types.ts";
import type { Driver } from "./driver.ts";
import { runtimeNames, startDriver } from "./driver.ts";
import type { ExchangeCase } from "./exchange-cases.ts";
import { exchangeCases } from "./exchange-cases.ts";
import type { RawServer } from "./raw-server.ts";
import { rawServer, refusedPort } from "./raw-server.ts";

const body = '{"type":"ENQUEUE_STORY","storyId":"STORY-001","note":"ä€"}';
const bodyBytes = new TextEncoder().encode(body).length;

function post(url: string, bounds: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const headers = { "content-type": "application/json", authorization: "Bearer t0ken" };
  return { url, method: "POST", headers, body, timeoutMs: 5000, bodyBytesMax: 4096, ...bounds };
}

async function play(driver: Driver, { answer, expected, ...bounds }: ExchangeCase) {
  const server = await rawServer(answer);
  try {
    const result = await driver.exchange(post(`${server.url}/api/command`, bounds));
    expect(result).toMatchObject(expected);
    expect(server.requests.length).toBe(1);
    expect(server.connections()).toBe(1);
  } finally {
    await server.close();
  }
}

const keptOpen = "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok";

for (const name of runtimeNames) {
  describe(`exchange on ${name}`, () => {
    let driver: Driver;
    let proxy: RawServer;
    beforeAll(async () => {
      proxy = await rawServer((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nproxy"));
      const { url } = proxy;
      const named = { HTTP_PROXY: url, http_proxy: url, ALL_PROXY: url, all_proxy: url };
      driver = startDriver(name, { ...named, NO_PROXY: "", NODE_USE_ENV_PROXY: "1" });
    });
    afterAll(async () => {
      driver.stop();
      await proxy.close();
    });

    test.each(exchangeCases.map((each) => [each.name, each] as const))("%s", async (_name, each) => {
      await play(driver, each);
    });

    test("a reset before the request: what is said of it is true, whoever was quicker", async () => {
      const server = await rawServer(
        () => {},
        (socket) => void socket.resetAndDestroy(),
      );
      const { kind, sent } = await driver.exchange(post(server.url));
      expect(["broken true", "unreachable false"]).toContain(`${kind} ${sent}`);
      expect(server.requests).toEqual([]);
      await server.close();
    });

    test("a port where nothing listens: nothing was sent", async () => {
      const port = await refusedPort();
      for (const host of ["127.0.0.1", "localhost", "[::1]"]) {
        expect(await driver.exchange(post(`http://${host}:${port}/`))).toMatchObject({
          kind: "unreachable",
          sent: false,
        });
      }
    });

    test("a name that does not resolve: nothing was sent", async () => {
      const result = await driver.exchange(post("http://podium.invalid:3847/"));
      expect(result).toMatchObject({ kind: "unreachable", sent: false });
    });

    test("what arrives is the request as it was given", async () => {
      const server = await rawServer((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
      await driver.exchange(post(`${server.url}/api/command?x=1`));
      const [head, text] = server.requests[0]!.split("\r\n\r\n") as [string, string];
      expect(head.split("\r\n")[0]).toBe("POST /api/command?x=1 HTTP/1.1");
      expect(head.toLowerCase()).toContain("authorization: bearer t0ken");
      expect(head.toLowerCase()).toContain(`content-length: ${bodyBytes}`);
      expect(new TextDecoder().decode(Uint8Array.from(text, (c) => c.charCodeAt(0)))).toBe(body);
      await server.close();
    });

    test("what may not leave does not: there was a connection, and not a byte on it", async () => {
      const closed = Promise.withResolvers<void>();
      const server = await rawServer(() => {});
      server.onClosed = () => closed.resolve();
      const result = await driver.exchange(post(server.url), { withdrawn: true });
      expect(result).toMatchObject({ kind: "unreachable", sent: false });
      await closed.promise;
      expect(server.bytes()).toBe(0);
      await server.close();
    });

    test("an answer in a million pieces costs no more memory than its bytes", async () => {
      const text = "x".repeat(200_000);
      const pieces = `${"1\r\nx\r\n".repeat(text.length)}0\r\n\r\n`;
      const server = await rawServer(
        (socket) => void socket.write(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${pieces}`),
      );
      expect(await driver.exchange(post(server.url, { bodyBytesMax: text.length }))).toMatchObject({
        status: 200,
        body: text,
      });
      await server.close();
    });

    test("whoever waited in vain hangs up", async () => {
      const closed = Promise.withResolvers<void>();
      const server = await rawServer(() => {});
      server.onClosed = () => closed.resolve();
      expect(await driver.exchange(post(server.url, { timeoutMs: 100 }))).toMatchObject({
        kind: "timeout",
        sent: true,
      });
      await closed.promise;
      await server.close();
    });

    test("a header that would become two is not sent", async () => {
      const server = await rawServer((socket) => void socket.end("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
      const headers = { authorization: "Bearer t0ken\r\nx-forged: yes" };
      expect(await driver.exchange(post(server.url, { headers }))).not.toHaveProperty("status");
      expect(server.requests).toEqual([]);
      await server.close();
    });

    test("none goes through a proxy", async () => {
      const server = await rawServer((socket) => void socket.write(keptOpen));
      for (let i = 0; i < 5; i++) await driver.exchange(post(server.url));
      expect(server.requests.length).toBe(5);
      expect(proxy.requests).toEqual([]);
      await server.close();
    });
  });
}
