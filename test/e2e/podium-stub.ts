import net from "node:net";
import { StubSocket } from "./podium-socket.ts";
import { Watch } from "./watch.ts";

/** One request as it reached Podium. */
export interface Seen {
  readonly method: string;
  readonly path: string;
  readonly headers: Headers;
  readonly body: string;
  /** Which connection it came on, counted from 1. */
  readonly connection: number;
}

/** What Podium does about a request, with the bare socket in its hand. */
export type Reply = (socket: net.Socket, seen: Seen) => void | Promise<void>;

export const reply = {
  /** Any text as an answer, called JSON or something else. */
  text: (text: string, status = 200, type = "application/json"): Reply =>
    answer(status, `content-type: ${type}\r\n`, text),
  redirect: (status: number, location: string): Reply => answer(status, `location: ${location}\r\n`, ""),
  /** Takes the request and says nothing. */
  hang: (): Reply => () => {},
  /** Closes the connection before a byte of an answer. */
  close: (): Reply => (socket) => void socket.end(),
  reset: (): Reply => (socket) => void socket.resetAndDestroy(),
  /** Promises more than it sends, then closes. */
  cut:
    (text: string): Reply =>
    (socket) => {
      socket.end(
        `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${text.length + 10}\r\n\r\n${text}`,
      );
    },
  /** Ends a chunked answer without its last chunk. */
  cutChunked:
    (text: string): Reply =>
    (socket) => {
      const size = Buffer.byteLength(text).toString(16);
      socket.end(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n${size}\r\n${text}\r\n`);
    },
  /** Answers when the gate opens. */
  after:
    (gate: Promise<unknown>, then: Reply): Reply =>
    async (socket, seen) => {
      await gate;
      await then(socket, seen);
    },
};

function answer(status: number, fields: string, text: string): Reply {
  return (socket, { headers }) => {
    const bytes = Buffer.from(text);
    const closes = headers.get("connection")?.toLowerCase() === "close";
    socket.write(`HTTP/1.1 ${status} Stub\r\n${fields}content-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes);
    if (closes) socket.end();
  };
}

/** Who does not close its end by then is cut off. */
const goodbyeMs = 500;

export const yes = '{"success":true}';

/** A Podium that does what a test tells it, over bare sockets: keeps connections alive, counts, remembers. */
export class PodiumStub {
  readonly #watch = new Watch();
  readonly #connections = new Set<net.Socket>();
  #server: net.Server | undefined;
  #connected = 0;
  #queued: Reply[] = [];
  port = 0;
  /** What is not the telemetry socket. */
  requests: Seen[] = [];
  /** Handshakes of telemetry sockets. */
  upgrades: Seen[] = [];
  sockets: StubSocket[] = [];
  /** For every POST without a reply of its own. */
  otherwise: Reply = reply.text(yes);
  /** For every GET. */
  status: Reply = reply.text('{"success":true,"stories":[]}');
  /** Called at the moment of a request, before the reply. */
  onRequest: (seen: Seen) => void = () => {};

  static async start(): Promise<PodiumStub> {
    const stub = new PodiumStub();
    await stub.up();
    return stub;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get commands(): Seen[] {
    return this.requests.filter(({ method }) => method === "POST");
  }

  /** Replies for the next POSTs, in order. */
  next(...replies: Reply[]): void {
    this.#queued.push(...replies);
  }

  /** As after the start, but for the sockets that are connected. */
  reset(): void {
    this.#queued = [];
    this.requests = [];
    this.otherwise = reply.text(yes);
    this.status = reply.text('{"success":true,"stories":[]}');
    this.onRequest = () => {};
  }

  emit(text: string): void {
    for (const socket of this.sockets) socket.text(text);
  }

  /** Listens, on the same port as before. */
  up(): Promise<void> {
    const server = net.createServer((socket) => this.#accept(socket));
    this.#server = server;
    return new Promise((resolve, reject) => {
      server.on("error", reject);
      server.listen(this.port, "127.0.0.1", () => {
        this.port = (server.address() as net.AddressInfo).port;
        resolve();
      });
    });
  }

  /** Refuses connections and ends those that are: resolves when the other side has seen it, so that it tries none of them again. */
  async down(): Promise<void> {
    const server = this.#server;
    this.#server = undefined;
    const closed = new Promise<void>((resolve) => (server ? server.close(() => resolve()) : resolve()));
    const hurry = setTimeout(() => this.#connections.forEach((socket) => socket.destroy()), goodbyeMs);
    for (const socket of this.#connections) socket.end();
    await closed;
    clearTimeout(hurry);
  }

  until<T>(look: (stub: this) => T | undefined, what: string): Promise<T> {
    const said = (): string => `Requests so far: ${JSON.stringify(this.requests)}`;
    return this.#watch.until(() => look(this), what, said);
  }

  /** Resolves when this many POSTs have come in. */
  commandsSeen(count: number): Promise<Seen[]> {
    return this.until(
      ({ commands }) => (commands.length >= count ? commands : undefined),
      `${count} commands at Podium`,
    );
  }

  /** Resolves when a telemetry socket is connected. */
  telemetry(): Promise<StubSocket> {
    return this.until(({ sockets }) => sockets.at(-1), "a telemetry socket at Podium");
  }

  #accept(socket: net.Socket): void {
    const connection = ++this.#connected;
    this.#connections.add(socket);
    let rest: Buffer = Buffer.alloc(0);
    const read = (chunk: Buffer): void => {
      rest = Buffer.concat([rest, chunk]);
      for (;;) {
        const taken = takeRequest(rest, connection);
        if (!taken) return;
        rest = taken.rest;
        if (taken.seen.headers.get("upgrade") !== null) {
          socket.off("data", read);
          this.#upgrade(socket, taken.seen);
        } else this.#handle(socket, taken.seen);
      }
    };
    socket.on("data", read);
    socket.on("error", () => {});
    socket.on("close", () => void this.#connections.delete(socket));
  }

  #handle(socket: net.Socket, seen: Seen): void {
    this.requests.push(seen);
    this.onRequest(seen);
    // The gateway may look at the status whenever it sees a reason: that takes nothing from what waits for commands.
    const chosen = seen.method === "GET" ? this.status : (this.#queued.shift() ?? this.otherwise);
    void chosen(socket, seen);
    this.#watch.changed();
  }

  #upgrade(socket: net.Socket, seen: Seen): void {
    const client = new StubSocket(socket, seen.headers.get("sec-websocket-key") ?? "");
    this.upgrades.push(seen);
    this.sockets.push(client);
    socket.on("close", () => {
      this.sockets = this.sockets.filter((other) => other !== client);
      this.#watch.changed();
    });
    this.#watch.changed();
  }
}

/** The first whole request in the bytes. Only a Content-Length tells a body's end: nothing else is expected of us. */
function takeRequest(bytes: Buffer, connection: number): { seen: Seen; rest: Buffer } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Headers();
  for (const line of lines) headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim());
  const bodyAt = end + 4;
  const bodyEnd = bodyAt + Number(headers.get("content-length") ?? 0);
  if (bytes.length < bodyEnd) return undefined;
  const [method = "", path = ""] = first.split(" ");
  const body = bytes.subarray(bodyAt, bodyEnd).toString("utf8");
  return { seen: { method, path, headers, body, connection }, rest: bytes.subarray(bodyEnd) };
}
