import { answerCommands } from "./commands.ts";
import { wallUs } from "./wall-clock.ts";

/**
 * Thousands of stream clients in one process: bare sockets that speak just enough WebSocket (RFC 6455) to connect, count
 * frames and answer pings. A hundred of them also look at when each frame was made.
 */

const handshake = (port: number, path: string): string =>
  `GET ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n` +
  "sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
/** An empty masked pong. */
const pong = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const opcodes = { text: 1, close: 8, ping: 9 } as const;
const samplersMax = 100;
/** Where the telemetry frame holds its moment: after `{"at":"`. */
const momentAt = 7;
const momentDigits = 16;
const opening = Buffer.from('{"at":"');

interface Client {
  readonly samples: boolean;
  connected: (() => void) | undefined;
  rest: Buffer | undefined;
}

let frames = 0;
let closed = 0;
let latenciesUs: number[] = [];
const sockets = new Set<Bun.Socket<Client>>();

const handlers: Bun.SocketHandler<Client> = {
  data(socket, chunk) {
    const client = socket.data;
    let bytes = client.rest ? Buffer.concat([client.rest, chunk]) : chunk;
    if (client.connected) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end !== -1) {
        if (!bytes.toString("latin1", 0, 12).endsWith("101")) throw new Error(bytes.toString());
        client.connected();
        client.connected = undefined;
        bytes = bytes.subarray(end + 4);
      }
    }
    const used = client.connected ? 0 : readFrames(socket, bytes);
    client.rest = used === bytes.length ? undefined : Buffer.from(bytes.subarray(used));
  },
  close(socket) {
    if (sockets.delete(socket)) closed++;
  },
};

/** Takes the complete frames; returns the bytes used. A server's frames are not masked. */
function readFrames(socket: Bun.Socket<Client>, bytes: Buffer): number {
  let at = 0;
  while (bytes.length - at >= 2) {
    const short = bytes[at + 1]! & 0x7f;
    const head = short < 126 ? 2 : short === 126 ? 4 : 10;
    if (bytes.length - at < head) break;
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(at + 2) : Number(bytes.readBigUInt64BE(at + 2));
    if (bytes.length - at < head + length) break;
    take(socket, bytes[at]! & 0x0f, bytes, at + head);
    at += head + length;
  }
  return at;
}

function take(socket: Bun.Socket<Client>, opcode: number, bytes: Buffer, at: number): void {
  if (opcode === opcodes.ping) socket.write(pong);
  if (opcode !== opcodes.text || bytes[at + 2] !== opening[2] || bytes[at + 3] !== opening[3]) return;
  frames++;
  if (!socket.data.samples) return;
  const moment = Number(bytes.toString("latin1", at + momentAt, at + momentAt + momentDigits));
  latenciesUs.push(wallUs() - moment);
}

async function connect(port: number, path: string, count: number): Promise<void> {
  const every = Math.max(1, Math.floor(count / samplersMax));
  const before = sockets.size;
  for (let i = 0; i < count; i += 100) {
    await Promise.all(
      Array.from({ length: Math.min(100, count - i) }, async (_, k) => {
        const done = Promise.withResolvers<void>();
        const data: Client = { samples: (i + k) % every === 0, connected: done.resolve, rest: undefined };
        const socket = await Bun.connect<Client>({ hostname: "127.0.0.1", port, data, socket: handlers });
        sockets.add(socket);
        socket.write(handshake(port, path));
        await Promise.race([
          done.promise,
          Bun.sleep(20_000).then(() => Promise.reject(new Error("no answer to a handshake"))),
        ]);
      }),
    );
  }
  if (sockets.size !== before + count) throw new Error(`${before + count - sockets.size} clients were dropped at once`);
}

function quantileUs(sorted: Float64Array, share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

interface Command {
  readonly connect?: { readonly port: number; readonly path: string; readonly count: number };
  /** Forget what was counted. */
  readonly mark?: true;
  readonly disconnect?: true;
}

async function answer(command: Command): Promise<unknown> {
  if (command.connect) {
    const { port, path, count } = command.connect;
    await connect(port, path, count);
  } else if (command.disconnect) {
    const all = [...sockets];
    sockets.clear();
    for (const socket of all) socket.terminate();
  } else if (command.mark) {
    frames = 0;
    latenciesUs = [];
  }
  const sorted = Float64Array.from(latenciesUs).toSorted();
  return { clients: sockets.size, closed, frames, p50Us: quantileUs(sorted, 0.5), p99Us: quantileUs(sorted, 0.99) };
}

await answerCommands({}, answer);
