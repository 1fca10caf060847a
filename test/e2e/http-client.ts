import net from "node:net";
import { assertContract } from "./contract.ts";
import { patienceMs } from "./watch.ts";

/**
 * An HTTP/1.1 client of our own over a bare socket: it sends exactly what a test says (two equal headers, a foreign
 * Host, bodies that lie about their length), never sends anything twice, and takes no answer that the contract does not
 * tell of.
 */
export interface Call {
  readonly method?: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string | Uint8Array;
  /** Send the body in chunks of this size, without a Content-Length. */
  readonly chunkBytes?: number;
  /** Hangs up when aborted. */
  readonly signal?: AbortSignal;
}

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body as an object. @throws when it is not JSON */
  readonly json: Json;
}

/** Whatever JSON a server sent: tests look into it freely. */
// oxlint-disable-next-line typescript/no-explicit-any
export type Json = any;

/** @param baseUrl `http://…`, or `unix:` and a socket's path */
export function call(baseUrl: string, request: Call): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const { socket, host } = connectionTo(baseUrl);
    const done = (error?: Error): void => {
      clearTimeout(timer);
      request.signal?.removeEventListener("abort", hangUp);
      socket.destroy();
      try {
        const answer = parseAnswer(Buffer.concat(chunks));
        assertContract(methodOf(request), request.path, answer);
        resolve(answer);
      } catch (cause) {
        reject(error ?? cause);
      }
    };
    const hangUp = (): void => void socket.destroy(new Error("hung up"));
    const timer = setTimeout(() => done(new Error(`No answer to ${request.path} in ${patienceMs} ms`)), patienceMs);
    request.signal?.addEventListener("abort", hangUp);
    socket.on("connect", () => writeRequest(socket, host, request));
    socket.on("data", (chunk: Buffer) => {
      chunks.push(chunk);
      if (isWhole(Buffer.concat(chunks), request.method)) done();
    });
    socket.on("error", done);
    socket.on("close", () => done(new Error(`Closed without an answer to ${request.path}`)));
  });
}

function connectionTo(baseUrl: string): { socket: net.Socket; host: string } {
  if (baseUrl.startsWith("unix:")) return { socket: net.connect(baseUrl.slice("unix:".length)), host: "localhost" };
  const { hostname, port, host } = new URL(baseUrl);
  return { socket: net.connect(Number(port), hostname.replace(/^\[|\]$/g, "")), host };
}

function methodOf({ method, body }: Call): string {
  return method ?? (body === undefined ? "GET" : "POST");
}

function writeRequest(socket: net.Socket, host: string, request: Call): void {
  const { path, headers, body, chunkBytes } = request;
  const bytes = typeof body === "string" ? Buffer.from(body) : Buffer.from(body ?? []);
  const lines = [`${methodOf(request)} ${path} HTTP/1.1`];
  const all: Record<string, string | readonly string[]> = { host, ...headers };
  for (const [name, value] of Object.entries(all)) {
    for (const one of typeof value === "string" ? [value] : value) lines.push(`${name}: ${one}`);
  }
  if (chunkBytes !== undefined) lines.push("transfer-encoding: chunked");
  else if (body !== undefined) lines.push(`content-length: ${bytes.length}`);
  const head = Buffer.from(`${lines.join("\r\n")}\r\n\r\n`);
  if (chunkBytes === undefined) writeSlices(socket, head, bytes, 65_536, (slice) => slice, Buffer.alloc(0));
  else writeSlices(socket, head, bytes, chunkBytes, chunkOf, Buffer.from("0\r\n\r\n"));
}

function chunkOf(slice: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${slice.length.toString(16)}\r\n`), slice, Buffer.from("\r\n")]);
}

/** Each slice when the one before has left: an answer in between is seen, as by any good client. */
function writeSlices(
  socket: net.Socket,
  head: Buffer,
  bytes: Buffer,
  size: number,
  frame: (slice: Buffer) => Buffer,
  end: Buffer,
): void {
  const write = (before: Buffer, at: number): void => {
    if (socket.destroyed) return;
    const slice = bytes.subarray(at, at + size);
    const isLast = at + size >= bytes.length;
    const parts = [before, ...(slice.length > 0 ? [frame(slice)] : []), ...(isLast ? [end] : [])];
    socket.write(
      Buffer.concat(parts),
      (error) => void (error ?? (isLast || setImmediate(write, Buffer.alloc(0), at + size))),
    );
  };
  write(head, 0);
}

interface Head {
  readonly status: number;
  readonly headers: Headers;
  readonly rest: Buffer;
}

function headOf(bytes: Buffer): Head | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const [first = "", ...lines] = bytes.subarray(0, end).toString("latin1").split("\r\n");
  const headers = new Headers();
  for (const line of lines) headers.append(line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1).trim());
  return { status: Number(first.split(" ")[1]), headers, rest: bytes.subarray(end + 4) };
}

function isWhole(bytes: Buffer, method: string | undefined): boolean {
  const head = headOf(bytes);
  if (!head) return false;
  // It promises a body that does not come.
  if (method === "HEAD") return true;
  const length = head.headers.get("content-length");
  if (length !== null) return head.rest.length >= Number(length);
  if (head.headers.get("transfer-encoding") === "chunked") return head.rest.includes("0\r\n\r\n");
  return head.status === 101;
}

function parseAnswer(bytes: Buffer): Answer {
  const head = headOf(bytes);
  if (!head) throw new Error("Closed without an answer");
  const { status, headers, rest } = head;
  const text = (headers.get("transfer-encoding") === "chunked" ? unchunked(rest) : rest).toString("utf8");
  return {
    status,
    headers,
    text,
    get json() {
      return JSON.parse(text);
    },
  };
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  let at = 0;
  for (;;) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16);
    if (end < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
