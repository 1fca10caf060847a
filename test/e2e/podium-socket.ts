import { createHash } from "node:crypto";
import type net from "node:net";

/** The server's side of one WebSocket (RFC 6455), written out so that a test can also send what no library would. */
export class StubSocket {
  readonly #socket: net.Socket;
  /** Pings of the client, answered. */
  pings = 0;
  /** Text and binary messages of the client: none are expected. */
  messages = 0;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: net.Socket, key: string) {
    this.#socket = socket;
    // RFC 6455 section 4.2.2, with the fixed GUID of section 1.3.
    const accept = createHash("sha1").update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
        `sec-websocket-accept: ${accept}\r\n\r\n`,
    );
    socket.on("data", (chunk: Buffer) => this.#read(chunk));
  }

  text(text: string): void {
    this.#socket.write(frame(0x1, Buffer.from(text)));
  }

  binary(bytes: Uint8Array): void {
    this.#socket.write(frame(0x2, Buffer.from(bytes)));
  }

  /** Gone without a word. */
  drop(): void {
    this.#socket.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const message = takeFrame(this.#rest);
      if (!message) return;
      this.#rest = message.rest;
      if (message.opcode === 0x9) {
        this.pings++;
        this.#socket.write(frame(0xa, message.payload));
      } else if (message.opcode === 0x8) this.#socket.end(frame(0x8, message.payload));
      else if (message.opcode < 0x8) this.messages++;
    }
  }
}

function frame(opcode: number, payload: Buffer): Buffer {
  const head = [0x80 | opcode];
  if (payload.length < 126) head.push(payload.length);
  else if (payload.length < 65_536) head.push(126, payload.length >> 8, payload.length & 255);
  else head.push(127, 0, 0, 0, 0, ...new Uint8Array(new Uint32Array([payload.length]).buffer).toReversed());
  return Buffer.concat([Buffer.from(head), payload]);
}

/** The first frame of a client, which always masks (RFC 6455 section 5.3) and here is always short. */
function takeFrame(bytes: Buffer): { opcode: number; payload: Buffer; rest: Buffer } | undefined {
  if (bytes.length < 6) return undefined;
  const length = bytes[1]! & 0x7f;
  if (length > 125 || bytes.length < 6 + length) return undefined;
  const mask = bytes.subarray(2, 6);
  const payload = Buffer.from(bytes.subarray(6, 6 + length).map((byte, i) => byte ^ mask[i % 4]!));
  return { opcode: bytes[0]! & 0x0f, payload, rest: bytes.subarray(6 + length) };
}
