import { Problem } from "../lib/errors.ts";
import { timestampOf } from "../lib/clock.ts";
import type { AuditEvent } from "../wire/audit.ts";
import type { Options } from "../wire/dispatch.ts";

/**
 * What a record may say, and how it becomes the one line that is stored. Reading lines back is `frame.ts`.
 */

export type Sha256 = (data: string | Uint8Array) => string;

/** Format of the lines; a log of another version is refused, never rewritten. */
export const recordVersion = 1;
/** Bytes of a line with its LF. A dispatch is under 8 KiB and Podium's recorded answer under 200 KiB even when escaped. */
export const lineBytesMax = 262_144;
/** Bytes for one write: bounds what a crash can tear, and the copy made to write it. */
export const batchBytesMax = 1_048_576;
export const zeroHash = "0".repeat(64);
/** `,"hash":"`, 64 digits, `"}`: the end of every line, which its hash does not cover. */
export const hashSuffixBytes = 75;

/** The fields between `event` and `prev_hash`, in their fixed order, with what each holds. */
const fields = {
  audit_id: "string",
  job_id: "string",
  action: "string",
  story_id: "string",
  plan_id: "string",
  nonce: "string",
  options: "options",
  source: "string",
  user_id: "string",
  session_id: "string",
  auth_mode: "string",
  idempotency_key: "string",
  request_hash: "string",
  request_id: "string",
  traceparent: "string",
  podium_request: "string",
  result: "string",
  code: "string",
  retry: "string",
  http_status: "integer",
  status: "string",
  podium_status: "string",
  podium_response: "string",
  podium_response_bytes: "integer",
  detail: "string",
  duration_ms: "integer",
  uptime_ms: "integer",
  count: "integer",
  reason: "string",
  replayed: "boolean",
  log_id: "string",
  version: "string",
  public_key: "string",
  old_signature: "string",
  new_signature: "string",
  signature: "string",
  file: "string",
  first_seq: "integer",
  last_seq: "integer",
  last_hash: "string",
  bytes: "integer",
  digest: "string",
  tree_size: "integer",
  tree_root: "string",
  tree_range: "string",
  note: "string",
} as const;
type Fields = typeof fields;
type ValueOf<T> = T extends "integer" ? number : T extends "boolean" ? boolean : T extends "options" ? Options : string;
const fieldNames = Object.keys(fields) as (keyof Fields)[];

/** What a caller wants recorded; the log adds the rest. `undefined` is the same as absent. */
export type Draft = { readonly event: AuditEvent } & {
  readonly [K in keyof Fields]?: ValueOf<Fields[K]> | undefined;
};

export type StoredRecord = { readonly event: AuditEvent } & { readonly [K in keyof Fields]?: ValueOf<Fields[K]> } & {
  readonly v: typeof recordVersion;
  readonly seq: number;
  /** RFC 3339 UTC with milliseconds: what the clock said, even when it goes backwards. */
  readonly timestamp: string;
  readonly prev_hash: string;
  readonly hash: string;
};

/** Where the next record hangs: its number, and the hash of the record before it. */
export interface Place {
  readonly seq: number;
  readonly prevHash: string;
  readonly epochMs: number;
}

export interface Encoded {
  readonly record: StoredRecord;
  /** The line with its LF: what is written. */
  readonly line: Uint8Array;
  /** Hash of 0x00 and the line without its LF: its leaf in the tree (RFC 6962, section 2.1). */
  readonly leafHash: string;
}

const encoder = new TextEncoder();

/**
 * Turns a draft into its line. Pure: nothing has been written or counted when it throws.
 * @throws Problem `audit_unavailable` (retry `never`) for what can't be recorded: unknown fields, wrong types, ill-formed
 *   strings, integers past 2^53-1, or a line over {@link lineBytesMax}
 */
export function encodeRecord(draft: Draft, place: Place, sha256: Sha256): Encoded {
  const timestamp = timestampOf(place.epochMs);
  if (timestamp.length !== 24) throw refusal(`the clock says ${timestamp}`);
  const { event } = draft;
  // In the order of insertion, which is how JSON.stringify prints names that are not numbers.
  const kept: Record<string, unknown> = { v: recordVersion, seq: place.seq, timestamp, event };
  let taken = 1;
  for (const name of fieldNames) {
    const value = draft[name];
    if (value === undefined) continue;
    refuseUnfit(name, value);
    kept[name] = value;
    taken++;
  }
  refuseStrangers(draft, taken);
  kept["prev_hash"] = place.prevHash;
  const body = JSON.stringify(kept).slice(0, -1);
  const hash = (kept["hash"] = sha256(body));
  const bytes = encoder.encode(`\0${body},"hash":"${hash}"}\n`);
  const line = bytes.subarray(1);
  if (line.length > lineBytesMax) throw refusal(`its line would have ${line.length} of ${lineBytesMax} bytes`);
  return { record: kept as unknown as StoredRecord, line, leafHash: sha256(bytes.subarray(0, -1)) };
}

function refuseUnfit(name: keyof Fields, value: unknown): void {
  const why = misfit(name, fields[name], value);
  if (why !== undefined) throw refusal(why);
}

/** What is wrong with a field's value; undefined when nothing is. A field that is not ours may hold anything. */
export function unfit(name: string, value: unknown): string | undefined {
  return Object.hasOwn(fields, name) ? misfit(name, fields[name as keyof Fields], value) : undefined;
}

function misfit(name: string, kind: Fields[keyof Fields], value: unknown): string | undefined {
  if (kind === "options") return unfitOptions(value);
  const fits = kind === "string" ? typeof value === "string" && value.isWellFormed() : isScalar(kind, value);
  return fits ? undefined : `${name} is not a well-formed ${kind}`;
}

function isScalar(kind: "integer" | "boolean", value: unknown): boolean {
  return kind === "integer" ? Number.isSafeInteger(value) && !Object.is(value, -0) : typeof value === "boolean";
}

/** The one nested object. Its keys are the caller's, but they are keys of `options`, never of the record. */
function unfitOptions(value: unknown): string | undefined {
  if (typeof value !== "object" || value === null) return "options is not an object";
  for (const [key, option] of Object.entries(value)) {
    const fits =
      typeof option === "string" ? option.isWellFormed() : typeof option === "boolean" || isScalar("integer", option);
    if (!fits || !key.isWellFormed()) return `the option ${JSON.stringify(key)} is not a string, boolean or integer`;
  }
  return undefined;
}

/** A field that is not in the list would be lost silently; so it is refused. */
function refuseStrangers(draft: Draft, taken: number): void {
  let given = 0;
  for (const key in draft) if (draft[key as keyof Draft] !== undefined) given++;
  if (given === taken) return;
  const strangers = Object.keys(draft).filter((key) => key !== "event" && !(key in fields));
  throw refusal(`unknown fields: ${strangers.join(", ")}`);
}

function refusal(why: string): Problem {
  return new Problem("audit_unavailable", `Cannot record this: ${why}. Nothing was written or forwarded`, {
    retry: "never",
  });
}
