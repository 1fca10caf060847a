import { createHmac, hash } from "node:crypto";
import fs from "node:fs";
import { fileURLToPath } from "node:url";
import { boundPrivately } from "./bound-privately.ts";
import { listenError } from "./listen-error.ts";
import { nodeExchange } from "./node-exchange.ts";
import { nodeFiles, openLockFile } from "./node-files.ts";
import { nodeFollow } from "./node-follow.ts";
import { nodeProcess } from "./node-process.ts";
import type {
  Connection,
  FileLock,
  Listener,
  Peer,
  PeerHandlers,
  Runtime,
  ServeOptions,
  SocketTimes,
} from "./types.ts";
import { drainPollMs, socketMessageBytesMax, socketTimes } from "./types.ts";

interface DenoInfo {
  readonly remoteAddr: { readonly hostname?: string };
}

/** The part of Deno's own interface that we use; its types are not among our packages. */
interface DenoGlobal {
  readonly version: { readonly deno: string };
  readonly args: string[];
  readonly mainModule: string;
  execPath(): string;
  openSync(
    path: string,
    options: { read: boolean; write: boolean },
  ): { tryLockSync(exclusive: boolean): boolean; close(): void };
  upgradeWebSocket(request: Request, options: { idleTimeout: number }): { socket: WebSocket; response: Response };
  serve(
    options: ({ hostname: string; port: number } | { path: string }) & { onListen(): void },
    handler: (request: Request, info: DenoInfo) => Response | Promise<Response>,
  ): { addr: { port?: number }; shutdown(): Promise<void>; finished: Promise<void> };
}
const Deno = (globalThis as unknown as { Deno: DenoGlobal }).Deno;

export const runtime: Runtime = {
  name: "deno",
  version: Deno.version.deno,
  files: nodeFiles(lock),
  process: nodeProcess(Deno.args, [Deno.execPath(), "run", "-A", fileURLToPath(Deno.mainModule)]),
  sha256: (data) => hash("sha256", data, "hex"),
  hmacSha256: (key, text) => createHmac("sha256", key).update(text).digest("base64url"),
  exchange: nodeExchange,
  follow: nodeFollow,
  serve,
};

type Server = ReturnType<DenoGlobal["serve"]>;

async function serve(options: ServeOptions): Promise<Listener> {
  const stopper = new AbortController();
  const { socket, times = socketTimes } = options;
  const open = (port: number): Server => {
    const door = socket === undefined ? { hostname: options.host, port } : { path: socket };
    const settings = { ...door, signal: stopper.signal, onListen() {}, onError };
    return boundPrivately(() =>
      Deno.serve(settings, (request, info) => options.fetch(request, connectionOf(request, info, times))),
    );
  };
  let server: KeptServer;
  try {
    server = new KeptServer(open, socket === undefined ? options.port : 0);
  } catch (error) {
    throw await listenError(error, options);
  }
  return {
    host: socket === undefined ? options.host : "",
    port: server.port,
    stop: (force) => server.stop(force, () => stopper.abort()),
  };
}

const reopenMs = 100;

/**
 * Deno ends its whole server when one connection can't be accepted, as for want of descriptors. It is then opened again
 * at the same place, for as long as it takes.
 */
class KeptServer {
  readonly #open: (port: number) => Server;
  #server: Server;
  #stopping = false;
  #finished = false;

  constructor(open: (port: number) => Server, port: number) {
    this.#open = open;
    this.#server = open(port);
    this.#watch();
  }

  get port(): number {
    return this.#server.addr.port ?? 0;
  }

  async stop(force: boolean, abort: () => void): Promise<void> {
    // Aborting what has been shut down already throws from inside the runtime, past any catch of ours.
    const isFirst = !this.#finished && !this.#stopping;
    this.#stopping = true;
    if (isFirst && force) abort();
    else if (isFirst) await this.#server.shutdown();
    if (!force) await this.#server.finished;
  }

  #watch(): void {
    this.#server.finished.then(
      () => (this.#finished = true),
      () => this.#reopen(),
    );
  }

  #reopen(): void {
    if (this.#stopping) return;
    try {
      this.#server = this.#open(this.port);
      this.#watch();
    } catch {
      setTimeout(() => this.#reopen(), reopenMs);
    }
  }
}

/** An event stream that was cut off is an error without words, and nothing to print. */
function onError(error: unknown): Response {
  if (error !== undefined) throw error;
  return new Response(null, { status: 500 });
}

function connectionOf(request: Request, info: DenoInfo, times: SocketTimes): Connection {
  return {
    get remoteAddress() {
      return info.remoteAddr.hostname ?? "unix";
    },
    // Deno warns once on standard error when it is looked at, so only a request that really waits does.
    get signal() {
      return request.signal;
    },
    upgrade: (handlers) => upgrade(request, handlers, times),
  };
}

/**
 * Deno pings by itself a client that has been silent for half of `idleTimeout`, and closes it at the whole: two heartbeats
 * after its last sign of life, with one ping unanswered. A client that is reset during the upgrade gets no event at all.
 */
function upgrade(request: Request, handlers: PeerHandlers, times: SocketTimes): Response | undefined {
  if (request.headers.get("upgrade")?.toLowerCase() !== "websocket") return undefined;
  const upgraded = tryUpgrade(request, times);
  if (!upgraded) return undefined;
  const { socket, response } = upgraded;
  const peer = peerOf(socket, handlers);
  let isOver = false;
  const end = (code: number): void => {
    clearTimeout(deadline);
    if (isOver) return;
    isOver = true;
    handlers.close(peer, code);
  };
  const deadline = setTimeout(() => end(1006), times.openMs);
  socket.addEventListener("open", () => {
    clearTimeout(deadline);
    if (isOver) socket.close();
    else handlers.open(peer);
  });
  socket.addEventListener("message", ({ data }) => {
    // Deno has no bound of its own for a message: the first one may be long, a second one will not come.
    if (sizeOf(data) > socketMessageBytesMax) peer.close(1009, "the message is too long");
    else handlers.message(peer, sizeOf(data));
  });
  // It may come twice.
  socket.addEventListener("close", ({ code }) => end(code));
  socket.addEventListener("error", () => {});
  return response;
}

/** Undefined for what calls itself an upgrade and lacks its key or its Connection header. */
function tryUpgrade(
  request: Request,
  { heartbeatS }: SocketTimes,
): ReturnType<DenoGlobal["upgradeWebSocket"]> | undefined {
  try {
    return Deno.upgradeWebSocket(request, { idleTimeout: 2 * heartbeatS });
  } catch {
    return undefined;
  }
}

function sizeOf(data: unknown): number {
  if (typeof data === "string") return data.length;
  return data instanceof ArrayBuffer ? data.byteLength : data instanceof Blob ? data.size : 0;
}

/** Deno has no drain event: while bytes wait, their count is looked at until it is zero. */
function peerOf(socket: WebSocket, handlers: PeerHandlers): Peer {
  let poll: ReturnType<typeof setInterval> | undefined;
  const watch = (): void => {
    if (socket.readyState === WebSocket.OPEN && socket.bufferedAmount > 0) return;
    clearInterval(poll);
    poll = undefined;
    if (socket.readyState === WebSocket.OPEN) handlers.drain(peer);
  };
  const peer: Peer = {
    send: (text) => {
      if (socket.readyState !== WebSocket.OPEN) return 0;
      socket.send(text);
      if (socket.bufferedAmount > 0) poll ??= setInterval(watch, drainPollMs);
      return socket.bufferedAmount;
    },
    close: (code, reason) => {
      if (socket.readyState <= WebSocket.OPEN) socket.close(code, reason);
    },
    terminate: () => socket.close(),
  };
  return peer;
}

/** Deno's own lock is flock(2) too; the kernel drops it when the process ends. */
function lock(path: string): FileLock | undefined {
  fs.closeSync(openLockFile(path));
  const file = Deno.openSync(path, { read: true, write: true });
  if (file.tryLockSync(true)) return { release: () => file.close() };
  file.close();
  return undefined;
}
