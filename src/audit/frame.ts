import { timestampOf } from "../lib/clock.ts";
import type { AuditEvent } from "../wire/audit.ts";
import { auditEvents } from "../wire/audit.ts";
import type { Sha256, StoredRecord } from "./record.ts";
import { hashSuffixBytes, lineBytesMax, recordVersion, unfit } from "./record.ts";

/**
 * What a stored line is. The one framing function: recovery, verification and every reader go through it, so that they
 * can't disagree about what is intact. It works on the bytes and never serialises anything again.
 *
 * `{"v":1,"seq":N,"timestamp":"…24…","event":"…" … ,"prev_hash":"…64…","hash":"…64…"}`
 */

const opening = '{"v":1,"seq":';
const afterSeq = ',"timestamp":"';
/** A digit for each 0; RFC 3339 in UTC with milliseconds. */
const timestampShape = "0000-00-00T00:00:00.000Z";
const afterTimestamp = '","event":"';
/** These two stand right before the line's last 64 digits and `"}`. */
const beforePrevHash = ',"prev_hash":"';
const beforeHash = '","hash":"';
const closing = '"}';
const hashDigits = 64;

/** What stands in an intact line. The text of its fields is only made when somebody asks: verification rarely does. */
export class Frame {
  readonly #line: Uint8Array;
  readonly #timestampAt: number;
  readonly seq: number;
  readonly event: AuditEvent;
  readonly hash: string;

  constructor(line: Uint8Array, timestampAt: number, seq: number, event: AuditEvent, hash: string) {
    this.#line = line;
    this.#timestampAt = timestampAt;
    this.seq = seq;
    this.event = event;
    this.hash = hash;
  }

  get timestamp(): string {
    return textOf(this.#line, this.#timestampAt, timestampShape.length);
  }

  get prevHash(): string {
    return textOf(this.#line, prevHashAt(this.#line), hashDigits);
  }

  /** @param day UTC, such as `2026-01-09` */
  isOfDay(day: string): boolean {
    return matches(this.#line, this.#timestampAt, day);
  }

  follows(hash: string): boolean {
    return matches(this.#line, prevHashAt(this.#line), hash);
  }
}

/** What is wrong with a line, in words that follow "line 7: ". */
export interface Flaw {
  readonly flaw: string;
  /** A line of another format version: not tampering, but another program's log. */
  readonly foreignVersion?: true;
}

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** Checks a line (without its LF) against itself: shape, version, hash. Its place in the chain is {@link linkFlaw}'s. */
export function frameLine(line: Uint8Array, sha256: Sha256): Frame | Flaw {
  if (line.length >= lineBytesMax) return { flaw: `the line has ${lineBytesMax} bytes or more: it is none of ours` };
  const seqDigits = digitsAt(line, opening.length);
  const timestampAt = opening.length + seqDigits + afterSeq.length;
  if (!hasHead(line, seqDigits, timestampAt)) return versionFlaw(line);
  const event = eventAt(line, timestampAt + timestampShape.length + afterTimestamp.length);
  if (event === undefined) return { flaw: "its event is not one of ours" };
  if (!hasTail(line)) return { flaw: "the line does not end in prev_hash and hash" };
  const hash = sha256(line.subarray(0, line.length - hashSuffixBytes));
  const hashAt = line.length - closing.length - hashDigits;
  if (!matches(line, hashAt, hash)) {
    return { flaw: `the hash is wrong: the line says ${textOf(line, hashAt, hashDigits)}, its bytes give ${hash}` };
  }
  return new Frame(line, timestampAt, numberAt(line, opening.length, seqDigits), event, hash);
}

function hasHead(line: Uint8Array, seqDigits: number, timestampAt: number): boolean {
  // 2^53-1 has 16 digits; a leading zero would be a second way to write a number.
  if (seqDigits === 0 || seqDigits > 16 || (seqDigits > 1 && line[opening.length] === 48)) return false;
  return (
    matches(line, 0, opening) &&
    matches(line, timestampAt - afterSeq.length, afterSeq) &&
    hasShape(line, timestampAt) &&
    matches(line, timestampAt + timestampShape.length, afterTimestamp)
  );
}

function hasTail(line: Uint8Array): boolean {
  const at = prevHashAt(line);
  return (
    at > 0 &&
    matches(line, at - beforePrevHash.length, beforePrevHash) &&
    matches(line, at + hashDigits, beforeHash) &&
    matches(line, line.length - closing.length, closing)
  );
}

function prevHashAt(line: Uint8Array): number {
  return line.length - closing.length - hashDigits - beforeHash.length - hashDigits;
}

function matches(line: Uint8Array, at: number, ascii: string): boolean {
  for (let i = 0; i < ascii.length; i++) if (line[at + i] !== ascii.charCodeAt(i)) return false;
  return true;
}

function hasShape(line: Uint8Array, at: number): boolean {
  for (let i = 0; i < timestampShape.length; i++) {
    const want = timestampShape.charCodeAt(i);
    const byte = line[at + i] as number;
    if (want === 48 ? !isDigit(byte) : byte !== want) return false;
  }
  return true;
}

function eventAt(line: Uint8Array, at: number): AuditEvent | undefined {
  return auditEvents.find((event) => matches(line, at, event) && line[at + event.length] === 0x22);
}

function digitsAt(line: Uint8Array, at: number): number {
  let count = 0;
  while (isDigit(line[at + count])) count++;
  return count;
}

function numberAt(line: Uint8Array, at: number, digits: number): number {
  let value = 0;
  for (let i = at; i < at + digits; i++) value = value * 10 + (line[i] as number) - 48;
  return value;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= 48 && byte <= 57;
}

/** Short ASCII only; what is not ASCII shows as replacement characters in a message about a damaged line. */
function textOf(line: Uint8Array, at: number, length: number): string {
  let text = "";
  for (let i = at; i < at + length; i++) text += String.fromCharCode(line[i] ?? 0xfffd);
  return text;
}

function versionFlaw(line: Uint8Array): Flaw {
  const version = /^\{"v":(\d{1,9}),/.exec(textOf(line, 0, 20))?.[1];
  if (version === undefined || Number(version) === recordVersion)
    return { flaw: "this is not a record of the audit log" };
  return {
    flaw: `the record has format version ${version}; this program knows ${recordVersion}`,
    foreignVersion: true,
  };
}

/** Where the next record must hang. */
export interface Expected {
  readonly seq: number;
  readonly prevHash: string;
}

/** What is wrong with a frame's place in the chain; undefined when nothing is. */
export function linkFlaw(frame: Frame, expected: Expected): string | undefined {
  if (frame.seq !== expected.seq) return `expected seq ${expected.seq}, found ${frame.seq}`;
  if (frame.follows(expected.prevHash)) return undefined;
  return `prev_hash is ${frame.prevHash}, but the record before has the hash ${expected.prevHash}`;
}

export function isFlaw(value: object): value is Flaw {
  return "flaw" in value;
}

/** The record of a line (without its LF), after {@link frameLine} found it intact. */
export function decodeLine(line: Uint8Array, sha256: Sha256): StoredRecord | Flaw {
  const frame = frameLine(line, sha256);
  return isFlaw(frame) ? frame : recordOf(line, frame);
}

/** The record of a line that {@link frameLine} found intact. It must say what the frame says: a name may stand twice. */
export function recordOf(line: Uint8Array, frame: Frame): StoredRecord | Flaw {
  let record: StoredRecord;
  try {
    record = JSON.parse(utf8.decode(line)) as StoredRecord;
  } catch {
    return { flaw: "the line is not JSON" };
  }
  const { v, seq, event, timestamp, prev_hash, hash } = record;
  const isSame =
    v === recordVersion &&
    seq === frame.seq &&
    event === frame.event &&
    timestamp === frame.timestamp &&
    prev_hash === frame.prevHash &&
    hash === frame.hash;
  if (!isSame) return { flaw: "a name that the log itself writes stands in the line twice" };
  const epochMs = Date.parse(timestamp);
  const isMoment = !Number.isNaN(epochMs) && timestampOf(epochMs) === timestamp;
  if (!isMoment) return { flaw: `${timestamp} is no time` };
  // Whoever reads on relies on what each field holds.
  for (const name in record) {
    const flaw = unfit(name, record[name as keyof StoredRecord]);
    if (flaw !== undefined) return { flaw };
  }
  return record;
}
