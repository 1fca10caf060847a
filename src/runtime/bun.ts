import fs from "node:fs";
import { boundPrivately } from "./bound-privately.ts";
import { bunExchange } from "./bun-exchange.ts";
import { watchDescriptors } from "./descriptors.ts";
import { Heartbeat } from "./heartbeat.ts";
import { lockNow } from "./libc.ts";
import { listenError } from "./listen-error.ts";
import { nodeFiles, openLockFile } from "./node-files.ts";
import { nodeProcess } from "./node-process.ts";
import type { Connection, Door, FileLock, Listener, Peer, PeerHandlers, Runtime, ServeOptions } from "./types.ts";
import { clientPingsMax, requestBytesMax, socketBufferBytesMax, socketMessageBytesMax, socketTimes } from "./types.ts";

export const runtime: Runtime = {
  name: "bun",
  version: Bun.version,
  files: nodeFiles(lock),
  process: nodeProcess(process.argv.slice(2), selfCommand()),
  sha256: (data) => Bun.SHA256.hash(data, "hex"),
  hmacSha256: (key, text) => new Bun.CryptoHasher("sha256", key).update(text).digest("base64url"),
  exchange: bunExchange,
  // Only clients follow, and `node:http` takes its time to load.
  follow: async (request) => (await import("./node-follow.ts")).nodeFollow(request),
  serve,
};

/** A compiled program carries its source in a virtual folder and is its own executable. */
function selfCommand(): string[] {
  return Bun.main.startsWith("/$bunfs/") ? [process.execPath] : [process.execPath, Bun.main];
}

interface SocketData {
  readonly handlers: PeerHandlers;
  peer?: Peer;
  /** Pings of the client since our last one. */
  pings: number;
}
type Socket = Bun.ServerWebSocket<SocketData>;

async function serve(options: ServeOptions): Promise<Listener> {
  const { socket } = options;
  let server: Bun.Server<SocketData>;
  try {
    server = socket === undefined ? bunServer(options, options) : boundPrivately(() => bunServer(options, { socket }));
  } catch (error) {
    throw await listenError(error, options);
  }
  const endWatch = watchDescriptors(() => void server.closeIdleConnections());
  return {
    host: socket === undefined ? options.host : "",
    port: server.port ?? 0,
    stop(force) {
      endWatch();
      return server.stop(force);
    },
  };
}

function bunServer({ fetch: answer, times = socketTimes }: ServeOptions, door: Door): Bun.Server<SocketData> {
  const where = door.socket === undefined ? { hostname: door.host, port: door.port } : { unix: door.socket };
  // Bun's types know no idle timeout on a unix socket; Bun keeps it there all the same.
  return Bun.serve<SocketData>({
    ...(where as { hostname: string; port: number }),
    maxRequestBodySize: requestBytesMax,
    idleTimeout: times.idleS,
    development: false,
    // Bun would let a second server share a taken port, silently: two gateways on one door.
    reusePort: false,
    fetch(request, self) {
      const response = answer(request, new BunConnection(request, self));
      return request.method === "GET" ? whileWaited(request, self, response, times.idleS) : response;
    },
    websocket: socketOptions(times.heartbeatS),
  });
}

/** Bun calls a connection idle whose GET is still being answered, and cuts it; there is none of that with a body. */
async function whileWaited(
  request: Request,
  server: Bun.Server<SocketData>,
  answer: Response | Promise<Response>,
  idleS: number,
): Promise<Response> {
  server.timeout(request, 0);
  const response = await answer;
  server.timeout(request, idleS);
  return response;
}

/** Bun pings by itself only when nothing is said, and then late; a client that is talked to would live on unanswering. */
function socketOptions(everyS: number): Bun.WebSocketHandler<SocketData> {
  const heartbeat = new Heartbeat<Socket>(everyS, (socket) => ({
    ping() {
      socket.data.pings = 0;
      socket.ping();
    },
    cut: () => socket.terminate(),
  }));
  return {
    idleTimeout: 0,
    sendPings: false,
    perMessageDeflate: false,
    maxPayloadLength: socketMessageBytesMax,
    backpressureLimit: socketBufferBytesMax,
    closeOnBackpressureLimit: true,
    open(socket) {
      heartbeat.add(socket);
      socket.data.handlers.open(peerOf(socket));
    },
    pong: (socket) => heartbeat.answered(socket),
    ping(socket) {
      if (++socket.data.pings > clientPingsMax) socket.close(1008, "too many pings");
    },
    message: (socket, data) => socket.data.handlers.message(peerOf(socket), data.length),
    drain: (socket) => socket.data.handlers.drain(peerOf(socket)),
    close(socket, code) {
      heartbeat.remove(socket);
      socket.data.handlers.close(peerOf(socket), code);
    },
  };
}

/** Bun would agree to the first one that a client offers, whatever that is. */
const noSubprotocol = { "sec-websocket-protocol": "" };

/** Asks the runtime for nothing until somebody wants to know. */
class BunConnection implements Connection {
  readonly #request: Request;
  readonly #server: Bun.Server<SocketData>;

  constructor(request: Request, server: Bun.Server<SocketData>) {
    this.#request = request;
    this.#server = server;
  }

  get remoteAddress(): string {
    return this.#server.requestIP(this.#request)?.address ?? "unix";
  }

  get signal(): AbortSignal {
    return this.#request.signal;
  }

  upgrade(handlers: PeerHandlers): Response | undefined {
    const isUpgraded = this.#server.upgrade(this.#request, { headers: noSubprotocol, data: { handlers, pings: 0 } });
    return isUpgraded ? new Response(null, { status: 101 }) : undefined;
  }
}

function peerOf(socket: Socket): Peer {
  return (socket.data.peer ??= {
    send: (text) => (socket.send(text) === -1 ? socket.getBufferedAmount() : 0),
    close: (code, reason) => socket.close(code, reason),
    terminate: () => socket.terminate(),
  });
}

function lock(path: string): FileLock | undefined {
  const fd = openLockFile(path);
  if (lockNow(fd)) return { release: () => fs.closeSync(fd) };
  fs.closeSync(fd);
  return undefined;
}
