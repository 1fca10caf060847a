/**
 * Many WebSocket clients in one process, over raw sockets: a client library for each would cost more than the server.
 *   bun crowd-client.ts URL COUNT FRAMES
 * Says `{"connected":N}` when all are there, and of each round `{"round":…,"received":…,"faults":…,"p50":…,"p99":…}` when
 * every one has its frame numbered FRAMES. Podium's frames name their round, their number `n` and their time `t`.
 */
import net from "node:net";

const [url = "", count = "0", frames = "0"] = process.argv.slice(2);
const { hostname, port, pathname, search } = new URL(url);
const readers = Number(count);
const last = Number(frames);
let latenciesMs: number[] = [];
let connected = 0;
let finished = 0;
let faults = 0;

const handshake = [
  `GET ${pathname}${search} HTTP/1.1`,
  `Host: ${hostname}:${port}`,
  "Upgrade: websocket",
  "Connection: Upgrade",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
  "\r\n",
].join("\r\n");

function say(words: object): void {
  process.stdout.write(`${JSON.stringify(words)}\n`);
}

/** One client's reading: frames are unmasked text (RFC 6455 section 5.2), short or 16 bits long. */
class Reader {
  #rest: Buffer = Buffer.alloc(0);
  #upgraded = false;
  #next = 1;

  take(data: Buffer): void {
    this.#rest = this.#rest.length === 0 ? data : Buffer.concat([this.#rest, data]);
    if (!this.#upgraded) {
      const end = this.#rest.indexOf("\r\n\r\n");
      if (end < 0) return;
      this.#upgraded = true;
      this.#rest = this.#rest.subarray(end + 4);
      if (++connected === readers) say({ connected });
    }
    for (;;) {
      const frame = this.#frame();
      if (frame === undefined) return;
      if (frame.includes('"n":')) this.#numbered(frame);
    }
  }

  #frame(): string | undefined {
    if (this.#rest.length < 2) return undefined;
    let length = this.#rest[1]! & 0x7f;
    let head = 2;
    if (length === 126) {
      if (this.#rest.length < 4) return undefined;
      length = this.#rest.readUInt16BE(2);
      head = 4;
    }
    if (this.#rest.length < head + length) return undefined;
    const text = this.#rest.toString("utf8", head, head + length);
    this.#rest = this.#rest.subarray(head + length);
    return text;
  }

  #numbered(text: string): void {
    const { round, n, t } = JSON.parse(text) as { round: number; n: number; t: number };
    if (n !== this.#next++) faults++;
    latenciesMs.push(performance.timeOrigin + performance.now() - t);
    if (n !== last) return;
    this.#next = 1;
    if (++finished === readers) report(round);
  }
}

function report(round: number): void {
  latenciesMs.sort((a, b) => a - b);
  const at = (share: number): number => Math.round(latenciesMs[Math.floor(latenciesMs.length * share)]! * 100) / 100;
  say({ round, received: latenciesMs.length, faults, p50: at(0.5), p99: at(0.99) });
  latenciesMs = [];
  finished = 0;
}

for (let i = 0; i < readers; i++) {
  const reader = new Reader();
  const socket = net.connect({ host: hostname, port: Number(port) });
  socket.on("connect", () => socket.write(handshake));
  socket.on("error", () => faults++);
  socket.on("data", (data: Buffer) => reader.take(data));
  // At most some hundred connections at a time are being made: the listener's backlog is not what is measured.
  if (i % 200 === 199) await new Promise((resolve) => setTimeout(resolve, 20));
}
