import type { Answering } from "./raw-server.ts";

/** What an exchange must say: an answer, or how it failed and whether anything can have been sent. */
export type Expected =
  | { readonly status: number; readonly body: string }
  | { readonly kind: "unreachable" | "timeout" | "broken" | "too_large"; readonly sent: boolean };

export interface ExchangeCase {
  readonly name: string;
  readonly answer: Answering;
  readonly timeoutMs?: number;
  readonly bodyBytesMax?: number;
  readonly expected: Expected;
}

const json = "content-type: application/json\r\n";
const broken = { kind: "broken", sent: true } as const;
/** Long enough for any machine to have the bytes, short enough to wait for. */
const timeoutMs = 300;

/** A server that says this and hangs up. */
function says(text: string): Answering {
  return (socket) => void socket.end(text, "latin1");
}

/** A server that says this and keeps the line open. */
function saysAndStays(text: string): Answering {
  return (socket) => void socket.write(text, "latin1");
}

const ok = { status: 200, body: '{"ok":1}' };

const answered: readonly ExchangeCase[] = [
  {
    name: "an answer with its length",
    answer: says(`HTTP/1.1 200 OK\r\n${json}content-length: 8\r\n\r\n{"ok":1}`),
    expected: ok,
  },
  {
    name: "an answer over a connection that the server keeps open",
    answer: saysAndStays(`HTTP/1.1 200 OK\r\n${json}connection: keep-alive\r\ncontent-length: 8\r\n\r\n{"ok":1}`),
    expected: ok,
  },
  {
    name: "an answer in chunks",
    answer: saysAndStays('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"ok\r\n4\r\n":1}\r\n0\r\n\r\n'),
    expected: ok,
  },
  { name: "an answer that ends with the connection", answer: says('HTTP/1.1 200 OK\r\n\r\n{"ok":1}'), expected: ok },
  {
    name: "an answer of an HTTP/1.0 server",
    answer: says('HTTP/1.0 200 OK\r\ncontent-length: 8\r\n\r\n{"ok":1}'),
    expected: ok,
  },
  {
    name: "an answer behind 100 Continue",
    answer: saysAndStays('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"ok":1}'),
    expected: ok,
  },
  {
    name: "an answer behind 103 Early Hints",
    answer: saysAndStays(
      'HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"ok":1}',
    ),
    expected: ok,
  },
  {
    name: "an answer with a head of 60 KB",
    answer: saysAndStays(`HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(60_000)}\r\ncontent-length: 8\r\n\r\n{"ok":1}`),
    expected: ok,
  },
  {
    name: "an empty answer",
    answer: saysAndStays("HTTP/1.1 204 No Content\r\n\r\n"),
    expected: { status: 204, body: "" },
  },
  {
    name: "a refusal",
    answer: saysAndStays("HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops"),
    expected: { status: 500, body: "oops" },
  },
  {
    name: "a redirect, which is not followed",
    answer: saysAndStays("HTTP/1.1 307 Elsewhere\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n"),
    expected: { status: 307, body: "" },
  },
  {
    name: "an answer of exactly the allowed length",
    answer: saysAndStays('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"ok":1}'),
    bodyBytesMax: 8,
    expected: ok,
  },
];

const failed: readonly ExchangeCase[] = [
  {
    name: "chunks that are cut off",
    answer: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"ok\r\n'),
    expected: broken,
  },
  {
    name: "chunks without their end",
    answer: says('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n8\r\n{"ok":1}\r\n'),
    expected: broken,
  },
  {
    name: "an answer shorter than its length",
    answer: says('HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"ok":1}'),
    expected: broken,
  },
  {
    name: "a reset in the middle of an answer that ends with the connection",
    answer: (socket) => void socket.write('HTTP/1.1 200 OK\r\n\r\n{"ok', () => socket.resetAndDestroy()),
    expected: broken,
  },
  {
    name: "a head of more than 64 KiB",
    answer: saysAndStays(`HTTP/1.1 200 OK\r\nx-long: ${"x".repeat(70_000)}\r\ncontent-length: 8\r\n\r\n{"ok":1}`),
    expected: broken,
  },
  { name: "a head that is cut off", answer: says("HTTP/1.1 200 OK\r\ncontent-le"), expected: broken },
  { name: "a connection closed without an answer", answer: (socket) => void socket.end(), expected: broken },
  { name: "a reset instead of an answer", answer: (socket) => void socket.resetAndDestroy(), expected: broken },
  { name: "no answer", answer: () => {}, timeoutMs, expected: { kind: "timeout", sent: true } },
  {
    name: "an answer that stops in the middle",
    answer: saysAndStays('HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n{"ok'),
    timeoutMs,
    expected: { kind: "timeout", sent: true },
  },
  {
    name: "chunks that stop in the middle",
    answer: saysAndStays('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"ok\r\n'),
    timeoutMs,
    expected: { kind: "timeout", sent: true },
  },
  { name: "something that is not HTTP", answer: says("SSH-2.0-OpenSSH_9.2\r\n\r\n"), expected: broken },
  { name: "bytes of nothing", answer: says("\u0000\u0001\u0002\u00ff".repeat(64)), expected: broken },
  {
    name: "a change of protocol that nobody asked for",
    answer: says("HTTP/1.1 101 Switching\r\nupgrade: h2c\r\nconnection: upgrade\r\n\r\n"),
    expected: broken,
  },
  {
    name: "an answer that says it is too long",
    answer: saysAndStays(`HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"ok": 1}`),
    bodyBytesMax: 8,
    expected: { kind: "too_large", sent: true },
  },
  {
    name: "chunks that are too long",
    answer: saysAndStays(`HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n{"ok": 1}\r\n0\r\n\r\n`),
    bodyBytesMax: 8,
    expected: { kind: "too_large", sent: true },
  },
];

export const exchangeCases: readonly ExchangeCase[] = [...answered, ...failed];
