import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { AnswerReader } from "../../src/runtime/answer-reader.ts";
import { ExchangeError } from "../../src/runtime/types.ts";

/** How an answer came out, in one word where it failed. */
type Read = { readonly status: number; readonly body: string; readonly leavesOpen: boolean } | string;

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Gives the bytes to a reader in these pieces, in a buffer that is used again each time; then the connection ends. */
function read(pieces: readonly string[], bodyBytesMax = 1000): Read {
  const reader = new AnswerReader(bodyBytesMax);
  const buffer = new Uint8Array(Math.max(1, ...pieces.map(({ length }) => length)));
  try {
    for (const [i, piece] of pieces.entries()) {
      buffer.set(bytesOf(piece));
      const answer = reader.push(buffer.subarray(0, piece.length));
      buffer.fill(0);
      if (!answer) continue;
      const leavesOpen = reader.leavesOpen && i === pieces.length - 1;
      return { status: answer.status, body: String.fromCharCode(...answer.body), leavesOpen };
    }
    const { status, body } = reader.end();
    return { status, body: String.fromCharCode(...body), leavesOpen: reader.leavesOpen };
  } catch (error) {
    if (error instanceof ExchangeError) return error.kind;
    throw error;
  }
}

const lengthy = "HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\n";
const chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const whole = { status: 200, body: '{"ok":1}', leavesOpen: true };

const answers: readonly [string, string, Read][] = [
  ["a length", `${lengthy}{"ok":1}`, whole],
  ["chunks", `${chunked}3\r\n{"o\r\n005\r\nk":1}\r\n0\r\n\r\n`, whole],
  ["chunks with extensions and a trailer", `${chunked}8;a=b\r\n{"ok":1}\r\n0\r\nx: y\r\nz: w\r\n\r\n`, whole],
  ["interim answers", `HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 103 Hints\r\nlink: x\r\n\r\n${lengthy}{"ok":1}`, whole],
  ["the end of the connection", 'HTTP/1.1 200 OK\r\n\r\n{"ok":1}', { ...whole, leavesOpen: false }],
  [
    "a server that closes",
    `HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n`,
    { status: 200, body: "", leavesOpen: false },
  ],
  ["HTTP/1.0", `HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n`, { status: 200, body: "", leavesOpen: false }],
  ["no reason phrase", `HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n`, { status: 200, body: "", leavesOpen: true }],
  ["no content", `HTTP/1.1 204 No Content\r\ncontent-length: 5\r\n\r\n`, { status: 204, body: "", leavesOpen: true }],
  [
    "spaces around a value",
    `HTTP/1.1 200 OK\r\ncontent-length:\t 0 \r\n\r\n`,
    { status: 200, body: "", leavesOpen: true },
  ],
  ["two lengths", `HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 8\r\n\r\n{"ok":1}`, "broken"],
  [
    "a length and chunks",
    `HTTP/1.1 200 OK\r\ncontent-length: 8\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
    "broken",
  ],
  ["a coding that nobody asked for", `HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n`, "broken"],
  ["a negative length", `HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n`, "broken"],
  ["a length in hex", `HTTP/1.1 200 OK\r\ncontent-length: 0x8\r\n\r\n{"ok":1}`, "broken"],
  ["a space before the colon", `HTTP/1.1 200 OK\r\ncontent-length : 8\r\n\r\n{"ok":1}`, "broken"],
  ["a folded field", `HTTP/1.1 200 OK\r\nx: y\r\n z\r\ncontent-length: 0\r\n\r\n`, "broken"],
  ["another version", `HTTP/2 200 OK\r\ncontent-length: 0\r\n\r\n`, "broken"],
  ["a change of protocol", `HTTP/1.1 101 Switching\r\nupgrade: h2c\r\n\r\n`, "broken"],
  ["a chunk size that is none", `${chunked}eight\r\n{"ok":1}\r\n0\r\n\r\n`, "broken"],
  ["a chunk longer than its size", `${chunked}7\r\n{"ok":1}\r\n0\r\n\r\n`, "broken"],
  ["an endless chunk size", `${chunked}${"0".repeat(300)}8\r\n{"ok":1}\r\n0\r\n\r\n`, "broken"],
  ["an endless head", `HTTP/1.1 200 OK\r\nx: ${"y".repeat(70_000)}`, "broken"],
  ["an endless trailer", `${chunked}0\r\nx: ${"y".repeat(70_000)}`, "broken"],
  ["nothing", "", "broken"],
];

describe("an answer", () => {
  test.each(answers)("with %s", (_name, text, expected) => {
    expect(read([text])).toEqual(expected);
    expect(read(text.slice(0, 2000).split(""))).toEqual(expected === "broken" ? read([text.slice(0, 2000)]) : expected);
  });

  test("that is more than was asked for leaves the connection unfit for another request", () => {
    expect(read([`${lengthy}{"ok":1}HTTP/1.1 200 OK\r\n`])).toEqual({ ...whole, leavesOpen: false });
  });

  test.each([
    ["a length", `${lengthy}{"ok":1}`],
    ["chunks", `${chunked}4\r\n{"ok\r\n4\r\n":1}\r\n0\r\n\r\n`],
    ["the end of the connection", 'HTTP/1.1 200 OK\r\n\r\n{"ok":1}'],
  ])("that is too long, by %s", (_name, text) => {
    expect(read([text], 7)).toBe("too_large");
    expect(read(text.split(""), 7)).toBe("too_large");
    expect(read([text], 8)).toMatchObject({ body: '{"ok":1}' });
  });

  test.each([
    ["its length", "HTTP/1.1 200 OK\r\ncontent-length: 999999999999999\r\n\r\n"],
    ["the size of a chunk", `${chunked}ffffffff\r\n`],
  ])("that says by %s that it will be too long is not waited for, and no room is made for it", (_name, head) => {
    expect(read([head])).toBe("too_large");
    expect(read([`${head}x`])).toBe("too_large");
  });

  test("is the same however it is cut into pieces", () => {
    const bodies = fc.string({ unit: "binary-ascii", maxLength: 200 });
    const sizes = fc.array(fc.integer({ min: 1, max: 50 }), { maxLength: 10 });
    const cuts = fc.array(fc.nat(400), { maxLength: 20 });
    fc.assert(
      fc.property(bodies, sizes, cuts, fc.boolean(), (body, chunkSizes, at, inChunks) => {
        const text = inChunks
          ? chunkedText(body, chunkSizes)
          : `HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
        const places = [0, ...at.filter((place) => place < text.length).toSorted((a, b) => a - b), text.length];
        const pieces = places.slice(1).map((end, i) => text.slice(places[i], end));
        expect(read(pieces.filter((piece) => piece !== ""))).toEqual({ status: 200, body, leavesOpen: true });
      }),
    );
  });

  // As a square of its length, each of these lines would take seconds, and nobody else would be heard meanwhile.
  test("with lines of nothing but blanks costs what it has bytes", () => {
    const blanks = " ".repeat(60_000);
    for (const name of ["connection", "content-type", "transfer-encoding", "content-length", "x-other"]) {
      const head = `HTTP/1.1 200 OK\r\n${name}: x${blanks}y\r\n\r\n`;
      expect([0, 1, 2].map(() => read([head]))).toHaveLength(3);
    }
  }, 5_000);

  test("of any bytes is read, refused, or waited for: nothing else is ever thrown", () => {
    const noise = fc.oneof(
      fc.string({ unit: "binary-ascii" }),
      fc.constantFrom("HTTP/1.1 200 OK", "\r\n", "\r\n\r\n", lengthy, chunked, "0", "5"),
    );
    fc.assert(
      fc.property(
        fc.array(noise, { maxLength: 12 }),
        (pieces) =>
          void read(
            pieces.filter((piece) => piece !== ""),
            50,
          ),
      ),
    );
  });
});

function chunkedText(body: string, sizes: readonly number[]): string {
  let text = chunked;
  let at = 0;
  for (const size of [...sizes, body.length]) {
    const chunk = body.slice(at, at + size);
    if (chunk === "") break;
    text += `${chunk.length.toString(16)}\r\n${chunk}\r\n`;
    at += chunk.length;
  }
  return `${text}0\r\n\r\n`;
}
