import type { AuditEvent, Sha256, StoredRecord } from "./record.ts";
import { events, recordVersion } from "./record.ts";

/**
 * What a stored line is. The one framing function: recovery, verification and every reader go through it, so that they
 * can't disagree about what is intact. It works on the bytes and never serialises anything again.
 *
 * `{"v":1,"seq":N,"timestamp":"…24…","event":"…" … ,"prev_hash":"…64…","hash":"…64…"}`
 */

/** `,"hash":"`, 64 digits, `"}`. */
const hashSuffixBytes = 75;
/** `,"prev_hash":"`, 64 digits, `"`; it stands right before the suffix. */
const prevHashBytes = 79;
/** Up to 16 digits of seq, the timestamp and the longest event name, with their keys. */
const headBytesMax = 120;

export interface Frame {
  readonly seq: number;
  readonly timestamp: string;
  readonly event: AuditEvent;
  readonly prevHash: string;
  readonly hash: string;
}
/** What is wrong with a line, in words that follow "line 7: ". */
export interface Flaw {
  readonly flaw: string;
  /** A line of another format version: not tampering, but another program's log. */
  readonly foreignVersion?: true;
}

const headPattern =
  /^\{"v":1,"seq":(0|[1-9]\d{0,15}),"timestamp":"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","event":"([a-z]+)"/;
const tailPattern = /^,"prev_hash":"([0-9a-f]{64})","hash":"([0-9a-f]{64})"\}$/;
const latin1 = new TextDecoder("latin1");
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const known: ReadonlySet<string> = new Set(events);

/** Checks a line (without its LF) against itself: shape, version, hash. Its place in the chain is {@link linkFlaw}'s. */
export function frameLine(line: Uint8Array, sha256: Sha256): Frame | Flaw {
  const head = headPattern.exec(latin1.decode(line.subarray(0, headBytesMax)));
  if (!head) return headFlaw(line);
  const tailAt = line.length - hashSuffixBytes - prevHashBytes;
  const tail = tailAt > 0 ? tailPattern.exec(latin1.decode(line.subarray(tailAt))) : null;
  if (!tail) return { flaw: "the line does not end in prev_hash and hash" };
  const [, seq, timestamp, event] = head as unknown as [string, string, string, string];
  if (!known.has(event)) return { flaw: `unknown event "${event}"` };
  const hash = tail[2] as string;
  const actual = sha256(line.subarray(0, line.length - hashSuffixBytes));
  if (actual !== hash) return { flaw: `the hash is wrong: the line says ${hash}, its bytes give ${actual}` };
  return { seq: Number(seq), timestamp, event: event as AuditEvent, prevHash: tail[1] as string, hash };
}

function headFlaw(line: Uint8Array): Flaw {
  const version = /^\{"v":(\d{1,9}),/.exec(latin1.decode(line.subarray(0, 20)))?.[1];
  if (version === undefined || Number(version) === recordVersion) return { flaw: "this is not a record of the audit log" };
  return { flaw: `the record has format version ${version}; this program knows ${recordVersion}`, foreignVersion: true };
}

/** Where the next record must hang. */
export interface Expected {
  readonly seq: number;
  readonly prevHash: string;
}

/** What is wrong with a frame's place in the chain; undefined when nothing is. */
export function linkFlaw(frame: Frame, expected: Expected): string | undefined {
  if (frame.seq !== expected.seq) return `expected seq ${expected.seq}, found ${frame.seq}`;
  if (frame.prevHash === expected.prevHash) return undefined;
  return `prev_hash is ${frame.prevHash}, but the record before has the hash ${expected.prevHash}`;
}

export function isFlaw(value: object): value is Flaw {
  return "flaw" in value;
}

/** The record of a line (without its LF), after {@link frameLine} found it intact. */
export function decodeLine(line: Uint8Array, sha256: Sha256): StoredRecord | Flaw {
  const frame = frameLine(line, sha256);
  return isFlaw(frame) ? frame : recordOf(line);
}

/** The record of a line that is known to be intact. */
export function recordOf(line: Uint8Array): StoredRecord | Flaw {
  try {
    return JSON.parse(utf8.decode(line)) as StoredRecord;
  } catch {
    return { flaw: "the line is not JSON" };
  }
}
