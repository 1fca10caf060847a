import { createHash } from "node:crypto";
import net from "node:net";

/** RFC 6455 section 1.3 */
const handshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

export interface Line {
  /** The request line and headers of the handshake. */
  readonly handshake: string;
  /** Resolves when the client has gone. */
  readonly gone: Promise<void>;
  text(...texts: readonly string[]): void;
  /** One message in several frames. */
  fragments(...parts: readonly string[]): void;
  binary(bytes: Uint8Array): void;
  raw(bytes: Uint8Array): void;
  close(code: number): void;
  drop(): void;
  /** Pings that have come so far. */
  readonly pings: number;
  /** Asks; resolves when the client has answered with the same words. */
  ask(words: string): Promise<void>;
  /** From now on pings wait for their answers. */
  holdPongs(): void;
  /** Answers what waits. */
  answerPings(): void;
}

export interface TelemetryServer {
  readonly url: string;
  readonly port: number;
  readonly lines: readonly Line[];
  /** TCP connections so far, answered or not. */
  connections(): number;
  /** The next connection that completes its handshake. */
  next(): Promise<Line>;
  /** The next ping of any line. */
  ping(): Promise<void>;
  /** From now on handshakes are answered with this; undefined completes them. */
  refuse(refusal: string | undefined): void;
  /** Resolves when a refused client has gone. */
  refused(): Promise<void>;
  stop(): Promise<void>;
}

export interface Behaviour {
  /** What to say instead of completing the handshake; `""` says nothing. */
  readonly refusal?: string;
  readonly answersPings?: boolean;
}

/** Podium's telemetry side, written out byte by byte so that it can do anything. */
export async function telemetryServer(behaviour: Behaviour = {}): Promise<TelemetryServer> {
  let { refusal } = behaviour;
  let turnedAway = Promise.withResolvers<void>();
  const lines: Line[] = [];
  const sockets = new Set<net.Socket>();
  let connections = 0;
  let arrived = Promise.withResolvers<Line>();
  let pinged = Promise.withResolvers<void>();
  const server = net.createServer((socket) => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    let head = "";
    const onHead = (chunk: Uint8Array): void => {
      head += Buffer.from(chunk).toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      socket.off("data", onHead);
      if (refusal !== undefined) {
        if (refusal !== "") socket.end(refusal);
        return void gone.then(turnedAway.resolve);
      }
      const live = lineOver(socket, head, gone);
      socket.on("data", (bytes: Uint8Array) => onFrames(socket, bytes, behaviour.answersPings ?? true, live, ping));
      lines.push(live);
      arrived.resolve(live);
      arrived = Promise.withResolvers();
    };
    socket.on("data", onHead);
  });
  const ping = (): void => {
    pinged.resolve();
    pinged = Promise.withResolvers();
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  return {
    url: `ws://127.0.0.1:${port}/ws`,
    port,
    lines,
    connections: () => connections,
    next: () => arrived.promise,
    ping: () => pinged.promise,
    refuse(next) {
      refusal = next;
      turnedAway = Promise.withResolvers();
    },
    refused: () => turnedAway.promise,
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

type LiveLine = { -readonly [K in keyof Line]: Line[K] } & {
  pong(payload: Uint8Array): void;
  answered(payload: Uint8Array): void;
};

function lineOver(socket: net.Socket, handshake: string, gone: Promise<void>): LiveLine {
  const key = /^sec-websocket-key: *(\S+)/im.exec(handshake)?.[1] ?? "";
  const accept = createHash("sha1")
    .update(key + handshakeGuid)
    .digest("base64");
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
  let waiting: Uint8Array[] | undefined;
  const asked = new Map<string, () => void>();
  return {
    ask(words) {
      socket.write(frame(0x89, utf8(words)));
      return new Promise((resolve) => asked.set(words, resolve));
    },
    answered: (payload) => asked.get(new TextDecoder().decode(payload))?.(),
    pong(payload) {
      if (waiting) waiting.push(payload);
      else socket.write(frame(0x8a, payload));
    },
    holdPongs: () => void (waiting ??= []),
    answerPings() {
      for (const payload of waiting ?? []) socket.write(frame(0x8a, payload));
      waiting = undefined;
    },
    handshake,
    gone,
    pings: 0,
    text: (...texts) => void socket.write(Buffer.concat(texts.map((text) => frame(0x81, utf8(text))))),
    fragments: (...parts) => {
      const frames = parts.map((part, i) => frame((i === 0 ? 1 : 0) | (i === parts.length - 1 ? 0x80 : 0), utf8(part)));
      socket.write(Buffer.concat(frames));
    },
    binary: (bytes) => void socket.write(frame(0x82, bytes)),
    raw: (bytes) => void socket.write(bytes),
    close: (code) => void socket.write(frame(0x88, Uint8Array.of(code >> 8, code & 255))),
    drop: () => void socket.destroy(),
  };
}

/** RFC 6455 section 5.2, unmasked as a server sends. */
function frame(first: number, payload: Uint8Array): Uint8Array {
  const { length } = payload;
  const head =
    length < 126
      ? [first, length]
      : length < 65_536
        ? [first, 126, length >> 8, length & 255]
        : [first, 127, 0, 0, 0, 0, (length >>> 24) & 255, (length >>> 16) & 255, (length >>> 8) & 255, length & 255];
  return Buffer.concat([Uint8Array.from(head), payload]);
}

/** Reads the client's control frames: all are short, masked and, on a loopback, whole in one chunk. */
function onFrames(socket: net.Socket, bytes: Uint8Array, answers: boolean, line: LiveLine, ping: () => void): void {
  for (let at = 0; at + 6 <= bytes.length;) {
    const opcode = bytes[at]! & 15;
    const length = bytes[at + 1]! & 127;
    const mask = bytes.subarray(at + 2, at + 6);
    const payload = bytes.subarray(at + 6, at + 6 + length).map((byte, i) => byte ^ mask[i % 4]!);
    at += 6 + length;
    if (opcode === 9) {
      line.pings++;
      if (answers) line.pong(payload);
      ping();
    }
    if (opcode === 10) line.answered(payload);
    if (opcode === 8) socket.end();
  }
}
