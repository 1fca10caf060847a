import { withoutBlanks } from "../lib/blanks.ts";
import type { IncomingAnswer } from "./types.ts";
import { ExchangeError } from "./types.ts";

/** Bytes of an answer's head, and of a chunked body's trailer: four times what common servers send. */
export const headBytesMax = 65_536;
/** Bytes of a chunk's size line: eight digits, and room for an extension. */
const sizeLineBytesMax = 256;
const cr = 13;
const lf = 10;
const nothing = new Uint8Array(0);

interface Head {
  readonly status: number;
  readonly contentType: string;
  /** The body's bytes; Infinity: it ends with the connection. Of no meaning when chunked. */
  readonly length: number;
  readonly chunked: boolean;
  /** The server will take another request on this connection. */
  readonly persistent: boolean;
}

/**
 * Reads one HTTP/1.x answer out of bytes as they come (RFC 9112), and nothing but a plain one: what has two meanings, such
 * as two lengths, is broken, because a command's outcome hangs on it.
 */
export class AnswerReader {
  readonly #bodyBytesMax: number;
  /** Bytes that have come and are not understood yet. */
  #rest: Uint8Array = nothing;
  #head: Head | undefined;
  /** Grows by doubling: a body that comes in a million pieces must not become a million objects. */
  #body = nothing;
  #bodyBytes = 0;
  /** Bytes of the rest that hold no end of a head or trailer. */
  #searched = 0;
  /** Of a chunked body: bytes of the current chunk that are still to come; undefined before its size line. */
  #chunkLeft: number | undefined;
  #answer: IncomingAnswer | undefined;

  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /**
   * @returns the answer once it is whole
   * @throws ExchangeError `broken` or `too_large`
   */
  push(bytes: Uint8Array): IncomingAnswer | undefined {
    this.#rest = this.#rest.length === 0 ? bytes : joined(this.#rest, bytes);
    while (!this.#head) {
      if (!this.#readHead()) return this.#keepRest();
    }
    const isWhole = this.#head.chunked ? this.#readChunks() : this.#readPlain(this.#head.length);
    if (isWhole) return (this.#answer = this.#answerOf(this.#head));
    return this.#keepRest();
  }

  /**
   * The server has closed the connection.
   * @throws ExchangeError `broken` unless that is how this answer ends
   */
  end(): IncomingAnswer {
    if (!this.#head || this.#head.chunked || this.#head.length !== Infinity) {
      throw broken(this.#head ? "in the middle of the answer" : "before an answer came");
    }
    return this.#answerOf(this.#head);
  }

  /** Whether the connection, after a whole answer, may carry another request: nothing more has come than was asked for. */
  get leavesOpen(): boolean {
    return this.#answer !== undefined && this.#head!.persistent && this.#rest.length === 0;
  }

  /** What is read lies in the runtime's buffer, which it may use again. */
  #keepRest(): undefined {
    this.#rest = this.#rest.slice();
  }

  /** Interim answers (1xx) are passed over. @returns whether a head was there */
  #readHead(): boolean {
    const end = this.#findBlankLine();
    if (end < 0 && this.#rest.length <= headBytesMax) return false;
    if (end < 0 || end > headBytesMax) throw new ExchangeError("broken", true, "The answer's head is too long");
    const text = latin1(this.#rest.subarray(0, end));
    this.#rest = this.#rest.subarray(end + 4);
    const head = readHead(text);
    if (head.status >= 200) this.#head = head;
    return true;
  }

  #readPlain(length: number): boolean {
    if (length !== Infinity && length > this.#bodyBytesMax) throw this.#tooLarge();
    this.#take(Math.min(this.#rest.length, length - this.#bodyBytes));
    return this.#bodyBytes === length;
  }

  #readChunks(): boolean {
    for (;;) {
      if (this.#chunkLeft === undefined) {
        const size = this.#readSizeLine();
        if (size === undefined) return false;
        if (size === 0) this.#chunkLeft = 0;
        else this.#chunkLeft = size + 2;
        if (this.#bodyBytes + size > this.#bodyBytesMax) throw this.#tooLarge();
      }
      if (this.#chunkLeft === 0) return this.#readTrailer();
      if (!this.#readChunk(this.#chunkLeft)) return false;
      this.#chunkLeft = undefined;
    }
  }

  /** @param left bytes of the chunk and of the line end behind it */
  #readChunk(left: number): boolean {
    const data = Math.min(this.#rest.length, left - 2);
    if (data > 0) this.#take(data);
    this.#chunkLeft = left - Math.max(data, 0);
    if (this.#chunkLeft > 2 || this.#rest.length < 2) return false;
    if (this.#rest[0] !== cr || this.#rest[1] !== lf) throw notHttp();
    this.#rest = this.#rest.subarray(2);
    return true;
  }

  #readSizeLine(): number | undefined {
    const end = this.#rest.subarray(0, sizeLineBytesMax).indexOf(lf);
    if (end < 0 && this.#rest.length < sizeLineBytesMax) return undefined;
    const size = /^([0-9a-f]{1,8})[ \t]*(?:;[^\r]*)?\r$/i.exec(latin1(this.#rest.subarray(0, Math.max(end, 0))))?.[1];
    if (size === undefined) throw notHttp();
    this.#rest = this.#rest.subarray(end + 1);
    return Number.parseInt(size, 16);
  }

  /** The trailer's fields mean nothing to us. */
  #readTrailer(): boolean {
    if (this.#rest[0] === cr && this.#rest[1] === lf) {
      this.#rest = this.#rest.subarray(2);
      return true;
    }
    const end = this.#findBlankLine();
    if (end < 0 && this.#rest.length <= headBytesMax) return false;
    if (end < 0) throw notHttp();
    this.#rest = this.#rest.subarray(end + 4);
    return true;
  }

  /** Index of the CR LF CR LF that ends a head or a trailer, or -1; what was looked at once is not looked at again. */
  #findBlankLine(): number {
    const rest = this.#rest;
    for (let at = rest.indexOf(cr, this.#searched); at >= 0; at = rest.indexOf(cr, at + 1)) {
      if (rest[at + 1] !== lf || rest[at + 2] !== cr || rest[at + 3] !== lf) continue;
      this.#searched = 0;
      return at;
    }
    this.#searched = Math.max(0, rest.length - 3);
    return -1;
  }

  #take(count: number): void {
    const bytes = this.#bodyBytes + count;
    if (bytes > this.#bodyBytesMax) throw this.#tooLarge();
    if (bytes > this.#body.length) {
      const { length, chunked } = this.#head!;
      const isKnown = !chunked && length !== Infinity;
      const grown = new Uint8Array(
        isKnown ? length : Math.min(Math.max(bytes, 2 * this.#body.length), this.#bodyBytesMax),
      );
      if (this.#bodyBytes > 0) grown.set(this.#body.subarray(0, this.#bodyBytes));
      this.#body = grown;
    }
    // A copy: the runtime may use its buffer again.
    this.#body.set(this.#rest.subarray(0, count), this.#bodyBytes);
    this.#bodyBytes = bytes;
    this.#rest = this.#rest.subarray(count);
  }

  #answerOf({ status, contentType }: Head): IncomingAnswer {
    const isFull = this.#bodyBytes === this.#body.length;
    return { status, contentType, body: isFull ? this.#body : this.#body.subarray(0, this.#bodyBytes) };
  }

  #tooLarge(): ExchangeError {
    return new ExchangeError("too_large", true, `The answer is longer than ${this.#bodyBytesMax} bytes`);
  }
}

/** A status line and its fields, of which none is continued on a second line. */
const plainHead = /^HTTP\/1\.([01]) ([1-5]\d\d)(?: [^\r\n]*)?(?:\r\n[!#$%&'*+.^_`|~0-9A-Za-z-]+:[^\r\n]*)*$/;
const [contentType, contentLength, transferEncoding, connection] = [
  "content-type",
  "content-length",
  "transfer-encoding",
  "connection",
].map((name) => new RegExp(`\r\n${name}:([^\r]*)`, "gi")) as [RegExp, RegExp, RegExp, RegExp];

function readHead(text: string): Head {
  const match = plainHead.exec(text);
  if (!match) throw notHttp();
  const status = Number(match[2]);
  // Nobody asked for another protocol.
  if (status === 101) throw notHttp();
  return {
    status,
    contentType: fieldIn(text, contentType) ?? "",
    ...bodyOf(status, fieldIn(text, transferEncoding), fieldIn(text, contentLength)),
    persistent: match[1] === "1" && !/\bclose\b/i.test(fieldIn(text, connection) ?? ""),
  };
}

/** The value of a field; one that stands there several times is a list (RFC 9110 section 5.3). */
function fieldIn(head: string, field: RegExp): string | undefined {
  field.lastIndex = 0;
  let value: string | undefined;
  for (let match = field.exec(head); match; match = field.exec(head)) {
    const one = withoutBlanks(match[1]!);
    value = value === undefined ? one : `${value}, ${one}`;
  }
  return value;
}

/** How the body's end is known (RFC 9112 section 6.3). */
function bodyOf(
  status: number,
  coding: string | undefined,
  length: string | undefined,
): Pick<Head, "length" | "chunked"> {
  if (status < 200 || status === 204 || status === 304) return { length: 0, chunked: false };
  if (coding !== undefined) {
    if (coding.toLowerCase() !== "chunked" || length !== undefined) throw notHttp();
    return { length: Infinity, chunked: true };
  }
  if (length === undefined) return { length: Infinity, chunked: false };
  if (!/^\d{1,15}$/.test(length)) throw notHttp();
  return { length: Number(length), chunked: false };
}

function notHttp(): ExchangeError {
  return new ExchangeError("broken", true, "The answer is not HTTP");
}

export function broken(when: string): ExchangeError {
  return new ExchangeError("broken", true, `The connection was closed ${when}`);
}

const decoder = new TextDecoder("latin1");
function latin1(bytes: Uint8Array): string {
  return decoder.decode(bytes);
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const whole = new Uint8Array(first.length + second.length);
  whole.set(first);
  whole.set(second, first.length);
  return whole;
}
