import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import net from "node:net";
import path from "node:path";
import { createInterface } from "node:readline";
import type { RuntimeName } from "./driver.ts";
import { launchers, runtimeNames } from "./driver.ts";
import { Watch } from "../e2e/watch.ts";

/** Deno counts in whole seconds. */
const heartbeatS = { bun: 0.2, deno: 1 } as const;
/** Pings that stay unanswered before a client is cut. */
const missed = { bun: 2, deno: 1 } as const;

const handshake = (where: string, more = ""): string =>
  `GET ${where} HTTP/1.1\r\nhost: 127.0.0.1\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
  `sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n${more}\r\n`;
/** Of a client: masked with zeros, and empty (RFC 6455 section 5.2). */
const pingFrame = Buffer.from([0x89, 0x80, 0, 0, 0, 0]);
const pongFrame = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

/** The code of a close frame: 1009 (section 7.4.1). */
const tooLongFrame = Buffer.from([0x03, 0xf1]);

interface Said {
  readonly event?: "upgrade" | "open" | "close";
  readonly code?: number;
  readonly port?: number;
}

class Served {
  readonly #child;
  readonly #said: Said[] = [];
  readonly #watch = new Watch();
  port = 0;

  constructor(name: RuntimeName) {
    const [program, ...args] = [...launchers[name], path.join(import.meta.dir, "socket-driver.ts")];
    const times = JSON.stringify({ heartbeatS: heartbeatS[name], openMs: 300, idleS: 60 });
    const env = { ...process.env, DENO_NO_UPDATE_CHECK: "1" };
    this.#child = spawn(program, [...args, times], {
      cwd: path.join(import.meta.dir, "../.."),
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    createInterface({ input: this.#child.stdout }).on("line", (line) => {
      this.#said.push(JSON.parse(line) as Said);
      this.#watch.changed();
    });
  }

  async open(): Promise<void> {
    this.port = await this.until(() => this.#said.find(({ port }) => port !== undefined)?.port, "its port");
  }

  count(event: Said["event"]): number {
    return this.#said.filter((said) => said.event === event).length;
  }

  codes(): number[] {
    return this.#said.flatMap(({ code }) => (code === undefined ? [] : [code]));
  }

  until<T>(look: () => T | undefined, what: string): Promise<T> {
    return this.#watch.until(look, what, () => JSON.stringify(this.#said.slice(-10)));
  }

  stop(): void {
    this.#child.kill("SIGKILL");
  }
}

/** A client that reads frame after frame and answers pings or not. @returns the pings it saw until its end, or until enough */
function listenOn(port: number, where: string, answers: boolean, enough = Infinity): Promise<number> {
  const socket = net.connect({ host: "127.0.0.1", port });
  const { promise, resolve } = Promise.withResolvers<number>();
  let rest: Buffer = Buffer.alloc(0);
  let isOpen = false;
  let pings = 0;
  socket.on("error", () => {});
  socket.on("close", () => resolve(pings));
  socket.on("data", (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    const head = isOpen ? 0 : rest.indexOf("\r\n\r\n") + 4;
    if (!isOpen && head < 4) return;
    isOpen = true;
    rest = rest.subarray(head);
    while (rest.length >= 2 && rest.length >= 2 + rest[1]!) {
      const opcode = rest[0]! & 0x0f;
      rest = rest.subarray(2 + rest[1]!);
      if (opcode !== 0x9) continue;
      pings++;
      if (answers) socket.write(pongFrame);
      if (pings === enough) socket.destroy();
    }
  });
  socket.write(handshake(where));
  return promise;
}

/** Half of what it asks for is its own reset: the server finds out while it upgrades, or before, or after. */
function resetOn(port: number): Promise<void> {
  return new Promise((resolve) => {
    const socket = net.connect({ host: "127.0.0.1", port });
    socket.on("error", () => {});
    socket.on("close", () => resolve());
    socket.write(handshake("/quiet"), () => socket.resetAndDestroy());
  });
}

describe.each(runtimeNames)("a WebSocket on %s", (name) => {
  let served: Served;
  beforeAll(async () => {
    served = new Served(name);
    await served.open();
  });
  afterAll(() => served.stop());

  test("is pinged once a heartbeat, quiet or busy; without an answer it is cut, with one it lives on", async () => {
    const startedAt = performance.now();
    const beats = (): number => (performance.now() - startedAt) / 1000 / heartbeatS[name];
    const mute = ["/quiet", "/busy"].map(async (where) => {
      expect(await listenOn(served.port, where, false)).toBe(missed[name]);
      expect(beats()).toBeGreaterThan(missed[name] + 0.9);
    });
    const answering = ["/quiet", "/busy"].map(async (where) => {
      expect(await listenOn(served.port, where, true, 5)).toBe(5);
      expect(beats()).toBeGreaterThan(4.5);
    });
    await Promise.all([...mute, ...answering]);
  }, 20_000);

  test("that is reset while it is made is said to be gone, once", async () => {
    await served.until(() => served.count("close") === served.count("upgrade") || undefined, "nobody there");
    await Promise.all(Array.from({ length: 40 }, () => resetOn(served.port)));
    const opened = served.count("open");
    const last = listenOn(served.port, "/busy", true, 1);
    await served.until(() => served.count("open") > opened || undefined, "the last one's place");
    await last;
    await served.until(() => served.count("close") === served.count("upgrade") || undefined, "that all are gone");
  });

  test("that sends more than 4 KiB at once is closed with 1009", async () => {
    const socket = net.connect({ host: "127.0.0.1", port: served.port });
    const ended = new Promise<Buffer>((resolve) => {
      let all: Buffer = Buffer.alloc(0);
      socket.on("data", (chunk: Buffer) => {
        all = Buffer.concat([all, chunk]);
        if (all.includes(tooLongFrame)) resolve(all);
      });
      socket.on("close", () => resolve(all));
    });
    socket.on("error", () => {});
    // Masked with zeros, of a length in 16 bits.
    socket.write(handshake("/quiet"));
    socket.write(Buffer.concat([Buffer.from([0x81, 0xfe, 0x13, 0x88, 0, 0, 0, 0]), Buffer.alloc(5000, "x")]));
    expect((await ended).includes(tooLongFrame)).toBe(true);
    socket.destroy();
  });

  test("speaks none of the subprotocols that a client offers, and says so", async () => {
    const socket = net.connect({ host: "127.0.0.1", port: served.port });
    socket.write(handshake("/quiet", "sec-websocket-protocol: one, two\r\n"));
    const head = await new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(chunk.toString())));
    socket.destroy();
    expect(head).toStartWith("HTTP/1.1 101 ");
    expect(head.toLowerCase()).not.toContain("sec-websocket-protocol");
  });

  // Deno answers pings by itself and tells nobody.
  test.skipIf(name === "deno")("that floods us with pings is closed with 1008", async () => {
    const socket = net.connect({ host: "127.0.0.1", port: served.port });
    socket.on("error", () => {});
    socket.write(handshake("/quiet"));
    await new Promise((resolve) => socket.once("data", resolve));
    for (let i = 0; i < 100; i++) socket.write(pingFrame);
    await served.until(() => served.codes().includes(1008) || undefined, "its end");
    socket.destroy();
  });
});
