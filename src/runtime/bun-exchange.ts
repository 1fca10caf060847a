import { AnswerReader, broken } from "./answer-reader.ts";
import { isUnixUrl } from "../lib/unix-url.ts";
import { isQuiet } from "./libc.ts";
import type { Exchange, IncomingAnswer, OutgoingRequest } from "./types.ts";
import { ExchangeError } from "./types.ts";

/**
 * {@link Exchange} over bare sockets. Runtimes' own clients decide by themselves when to send again and do not tell whether
 * anything has left; here a request is handed to one connection, once, and `sent` is what really happened. It is also the
 * quickest way there is (see test/bench). Unix sockets are left to `node:http`.
 */
export const bunExchange: Exchange = (request) =>
  isUnixUrl(request.url) ? overUnixSocket(request) : new Promise((resolve, reject) => begin(request, resolve, reject));

async function overUnixSocket(request: OutgoingRequest): Promise<IncomingAnswer> {
  return (await import("./node-exchange.ts")).nodeExchange(request);
}

function begin(
  request: OutgoingRequest,
  resolve: (answer: IncomingAnswer) => void,
  reject: (error: ExchangeError) => void,
): void {
  const url = new URL(request.url);
  new Attempt(request, requestBytes(request, url), resolve, reject).start(url);
}

/** What one connection is doing now, and where it leads. */
interface SocketData {
  /** Scheme, host and port. */
  readonly origin: string;
  attempt: Attempt | undefined;
  idleSince: number;
}
type Socket = Bun.Socket<SocketData>;

/**
 * Milliseconds that a connection is kept for the next request: a request that meets the server's closing of it has an
 * unknown outcome for nothing. Servers keep idle ones for 5 s or more.
 */
const idleMsMax = 1_000;
/** And those before it is used again: who closes without saying so mostly does it right behind the answer. */
const idleMsMin = 5;
/** A server that was seen to close an idle connection gets none to keep for this long. */
const distrustMs = 60_000;
/** Idle connections in all: as many as `podium.max_in_flight` may be. */
const idleMax = 128;
/** Oldest first. */
const idle: Socket[] = [];
/** Until when, by origin: as many as there are services in the configuration. */
const distrusted = new Map<string, number>();
let sweeper: ReturnType<typeof setTimeout> | undefined;

const nothing = new Uint8Array(0);

/** One request on one connection. */
class Attempt {
  readonly #resolve: (answer: IncomingAnswer) => void;
  readonly #reject: (error: ExchangeError) => void;
  readonly #reader: AnswerReader;
  readonly #timer: ReturnType<typeof setTimeout>;
  readonly #mayLeave: (() => boolean) | undefined;
  readonly #bytes: Uint8Array;
  #isSecure = false;
  #isReused = false;
  #hasLeft = false;
  /** What the kernel has not taken yet of what may leave. */
  #unwritten: Uint8Array = nothing;
  #socket: Socket | undefined;
  #sent = false;
  #done = false;

  constructor(
    { timeoutMs, bodyBytesMax, mayLeave }: OutgoingRequest,
    bytes: Uint8Array,
    resolve: (answer: IncomingAnswer) => void,
    reject: (error: ExchangeError) => void,
  ) {
    this.#resolve = resolve;
    this.#reject = reject;
    this.#reader = new AnswerReader(bodyBytesMax);
    this.#bytes = bytes;
    this.#mayLeave = mayLeave;
    this.#timer = setTimeout(() => this.fail(this.#tooLate(timeoutMs)), timeoutMs);
  }

  start({ origin, protocol, hostname, port }: URL): void {
    this.#isSecure = protocol === "https:";
    const kept = takeIdle(origin);
    if (kept) {
      kept.data.attempt = this;
      this.#isReused = true;
      this.open(kept);
      return this.leave(kept);
    }
    const data: SocketData = { origin, attempt: this, idleSince: 0 };
    const address = { hostname: hostname.replace(/^\[|\]$/g, ""), port: Number(port) || (this.#isSecure ? 443 : 80) };
    // An address is no server name (RFC 6066, section 3); the certificate is checked against it all the same.
    const serverName = /^\[|^[\d.]+$/.test(hostname) ? "" : hostname;
    const secured = this.#isSecure ? { tls: { serverName }, socket: secureHandlers } : { socket: plainHandlers };
    // The handler is told of a failure, too, and knows more.
    Bun.connect({ ...address, ...secured, data }).catch((error: unknown) => this.fail(unreachable(error)));
  }

  /** There is a connection. */
  open(socket: Socket): void {
    // It came too late: the caller has been told that nothing was sent.
    if (this.#done) socket.terminate();
    else this.#socket = socket;
  }

  /** The connection can carry the request. With TLS it says so again after each new handshake that the server asks for. */
  leave(socket: Socket): void {
    if (this.#done || this.#hasLeft) return;
    this.#hasLeft = true;
    if (this.#mayLeave?.() === false) return this.fail(new ExchangeError("unreachable", false, "It was withdrawn"));
    this.#unwritten = this.#bytes;
    this.write(socket);
  }

  write(socket: Socket): void {
    if (this.#unwritten.length === 0) return;
    // Bytes that the kernel has taken; a negative count is a socket that is closed already, and its event follows. With TLS
    // part of a record may have left without being counted.
    const count = socket.write(this.#unwritten);
    if (count > 0 || this.#isSecure) this.#sent = true;
    if (count > 0) this.#unwritten = count === this.#unwritten.length ? nothing : this.#unwritten.subarray(count);
  }

  data(bytes: Uint8Array): void {
    this.#read(() => this.#reader.push(bytes));
  }

  /** The server has said all it will say. */
  end(): void {
    this.#read(() => this.#reader.end());
  }

  /** The connection is gone before an answer was whole. */
  lose(error?: Error | null): void {
    this.fail(this.#sent ? broken("before an answer came") : unreachable(error ?? { message: "it was closed" }));
  }

  fail(error: ExchangeError): void {
    if (this.#done) return;
    this.#finish();
    this.#socket?.terminate();
    this.#reject(error);
  }

  #read(read: () => IncomingAnswer | undefined): void {
    if (this.#done) return;
    let answer: IncomingAnswer | undefined;
    try {
      answer = read();
    } catch (error) {
      return this.fail(error as ExchangeError);
    }
    if (!answer) return;
    // On a kept connection it may be about the connection, and the request on its way all the same (RFC 9110 15.5.9).
    if (this.#isReused && answer.status === 408) return this.fail(broken("as idle"));
    this.#finish();
    // A request that was answered before it was read to its end has left its rest on the way.
    if (this.#reader.leavesOpen && this.#unwritten.length === 0) keepIdle(this.#socket!);
    else this.#socket?.end();
    this.#resolve(answer);
  }

  #finish(): void {
    this.#done = true;
    clearTimeout(this.#timer);
    if (this.#socket) this.#socket.data.attempt = undefined;
  }

  #tooLate(timeoutMs: number): ExchangeError {
    if (this.#sent) return new ExchangeError("timeout", true, `No answer within ${timeoutMs} ms`);
    return new ExchangeError("unreachable", false, `No connection within ${timeoutMs} ms`);
  }
}

const handlers = {
  binaryType: "uint8array",
  drain: (socket) => socket.data.attempt?.write(socket),
  data(socket, bytes) {
    if (socket.data.attempt) return socket.data.attempt.data(bytes);
    // Nobody has asked: whatever this is, it must not be taken for the next request's answer.
    forget(socket);
    socket.terminate();
  },
  end(socket) {
    forget(socket);
    socket.data.attempt?.end();
  },
  close(socket) {
    forget(socket);
    socket.data.attempt?.lose();
  },
  error: (socket, error) => socket.data.attempt?.lose(error),
  connectError: (socket, error) => socket.data.attempt?.fail(unreachable(error)),
} satisfies Bun.SocketHandler<SocketData>;

const plainHandlers: Bun.SocketHandler<SocketData> = {
  ...handlers,
  open(socket) {
    const { attempt } = socket.data;
    attempt?.open(socket);
    attempt?.leave(socket);
  },
};

/** A server that can't show who it is hears nothing: the runtime checks its certificate and its name. */
const secureHandlers: Bun.SocketHandler<SocketData> = {
  ...handlers,
  open: (socket) => socket.data.attempt?.open(socket),
  handshake(socket, isTrusted, error) {
    if (isTrusted) socket.data.attempt?.leave(socket);
    else socket.data.attempt?.lose(error);
  },
};

function takeIdle(origin: string): Socket | undefined {
  closeOld();
  const rested = performance.now() - idleMsMin;
  const at = idle.findIndex((socket) => {
    const { data } = socket;
    return data.origin === origin && data.idleSince <= rested && isQuiet(descriptorOf(socket));
  });
  return at < 0 ? undefined : idle.splice(at, 1)[0];
}

/** Bun's types do not know that it tells. Without it no connection is quiet: each request has one of its own. */
function descriptorOf(socket: Socket): number {
  return (socket as { fd?: number }).fd ?? -1;
}

function keepIdle(socket: Socket): void {
  const now = performance.now();
  if (idle.length >= idleMax || (distrusted.get(socket.data.origin) ?? 0) > now) return void socket.end();
  socket.data.idleSince = now;
  idle.push(socket);
  sweeper ??= setTimeout(sweep, idleMsMax);
  sweeper.unref();
}

/** Nobody is left holding a connection that will never be used again. */
function sweep(): void {
  sweeper = undefined;
  closeOld();
  if (idle.length > 0) sweeper = setTimeout(sweep, idleMsMax);
  sweeper?.unref();
}

function closeOld(): void {
  const oldest = performance.now() - idleMsMax;
  while (idle[0] && idle[0].data.idleSince < oldest) idle.shift()!.end();
}

/** The server has closed it, or has said what nobody asked for. */
function forget(socket: Socket): void {
  const at = idle.indexOf(socket);
  if (at < 0) return;
  idle.splice(at, 1);
  distrusted.set(socket.data.origin, performance.now() + distrustMs);
}

function unreachable(error: unknown): ExchangeError {
  const { code, message } = error as { code?: string; message?: string };
  return new ExchangeError("unreachable", false, `Cannot connect (${code ?? message ?? "no reason given"})`);
}

const printable = /^[\t\x20-\x7e]*$/;

/** @throws ExchangeError (nothing sent) for a header that would become two */
function requestBytes({ method, headers, body }: OutgoingRequest, { host, pathname, search }: URL): Uint8Array {
  let text = `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n`;
  for (const name in headers) {
    const value = headers[name]!;
    if (!printable.test(value)) throw new ExchangeError("unreachable", false, `Cannot send the header ${name}`);
    text += `${name}: ${value}\r\n`;
  }
  if (body !== undefined) text += `content-length: ${Buffer.byteLength(body)}\r\n`;
  return Buffer.from(`${text}\r\n${body ?? ""}`);
}
