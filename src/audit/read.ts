import { parseJobId, ulidTime } from "../lib/ids.ts";
import { dayOf } from "../lib/clock.ts";
import type { Files, ReadFile } from "../runtime/types.ts";
import { frameLine, isFlaw, recordOf } from "./frame.ts";
import { linesBackwards } from "./lines-backwards.ts";
import type { Line } from "./lines.ts";
import { linesOf } from "./lines.ts";
import type { AuditEvent } from "../wire/audit.ts";
import type { Sha256, StoredRecord } from "./record.ts";
import type { Segment } from "./segments.ts";
import { linesHolding } from "./search.ts";
import { openSegment, readableSegments, unreadable } from "./segments.ts";

/**
 * The reading side, for HTTP, the command line and projections of older days. Takes no lock; reads what the files hold
 * at that moment, through the same framing as everything else.
 */

export interface ReadDeps {
  readonly files: Files;
  readonly sha256: Sha256;
  readonly dir: string;
  /** Show nothing past this seq: a server passes its durable head, so that nobody sees what may still be lost. */
  readonly lastSeq?: number;
}

/** Runs a search of the log when it is its turn, and no longer than somebody waits: the signal is aborted then. */
export type Search = <T>(search: (log: ReadDeps) => Promise<T>, signal?: AbortSignal) => Promise<T>;

export interface Filter {
  readonly event?: AuditEvent;
  readonly action?: string;
  readonly story_id?: string;
  readonly plan_id?: string;
  readonly user_id?: string;
  readonly source?: string;
  readonly audit_id?: string;
  readonly job_id?: string;
  readonly result?: string;
}

/** Timestamps, RFC 3339 in UTC or a prefix such as a day; `from` inclusive, `to` exclusive. */
export interface Span {
  readonly from?: string;
  readonly to?: string;
}

export interface Query extends Span {
  readonly filter?: Filter;
  readonly order?: "oldest" | "newest";
  readonly limit: number;
  /** A page's `next`: goes on behind it. */
  readonly cursor?: number;
}

export interface Page {
  readonly records: StoredRecord[];
  /** Cursor of the next page; absent at the end. */
  readonly next?: number;
}

/** A record with the line it was read from. */
export interface Read {
  readonly record: StoredRecord;
  readonly file: string;
  readonly text: string;
}

/** @throws Fatal (exit code 4) at a damaged line, FileError */
export async function readRecords(deps: ReadDeps, query: Query): Promise<Page> {
  const records: StoredRecord[] = [];
  const walk =
    query.order === "newest" ? newestFirst(deps, query.cursor, query) : oldestFirst(deps, afterCursor(query), query);
  for await (const { record } of walk) {
    if (query.cursor !== undefined && record.seq === query.cursor) continue;
    if (!isWanted(record, query)) continue;
    if (records.length === query.limit) return { records, next: records.at(-1)!.seq };
    records.push(record);
  }
  return { records };
}

/** All records in order, from this seq on; with a span, only those of files that may hold some of it. */
export async function* oldestFirst(deps: ReadDeps, fromSeq = 0, span: Span = {}): AsyncGenerator<Read> {
  const list = readableSegments(deps.files, deps.dir, deps.sha256);
  const at = list.findLastIndex(({ firstSeq }) => firstSeq <= fromSeq);
  for (const segment of list.slice(Math.max(0, at))) {
    if (isWithin(segment, span)) yield* readSegment(deps, segment, fromSeq);
  }
}

/** All records, newest first; those of files that hold a seq at or below the given one. */
export async function* newestFirst(
  deps: ReadDeps,
  fromSeq = Number.MAX_SAFE_INTEGER,
  span: Span = {},
): AsyncGenerator<Read> {
  const list = readableSegments(deps.files, deps.dir, deps.sha256).filter(({ firstSeq }) => firstSeq <= fromSeq);
  for (const segment of list.toReversed()) {
    if (isWithin(segment, span)) yield* readBackwards(deps, segment, fromSeq);
  }
}

/** All records of one dispatch, in order: found by the time in its id, and then wherever its story's words came later. */
export async function readDispatch(deps: ReadDeps, auditId: string): Promise<Read[]> {
  const made = ulidTime(auditId.replace(/^AUD-/, ""));
  return made === undefined ? [] : readAbout(deps, dayOf(made), { audit_id: auditId });
}

/** All records of one job, in order: found by the day in its id, and then wherever its story's words came later. */
export async function readJob(deps: ReadDeps, jobId: string): Promise<StoredRecord[]> {
  const job = parseJobId(jobId);
  return job ? (await readAbout(deps, job.day, { job_id: jobId })).map(({ record }) => record) : [];
}

/**
 * The first record of a dispatch lies in a file of its day; around midnight, in the one after it. Behind a clock that
 * was set back, files of earlier days may follow. Once it is found, later records may lie in any file to the end.
 */
async function readAbout(deps: ReadDeps, day: string, id: { audit_id: string } | { job_id: string }): Promise<Read[]> {
  const [[name, value]] = Object.entries(id) as [["audit_id" | "job_id", string]];
  const list = readableSegments(deps.files, deps.dir, deps.sha256);
  const first = list.findIndex((segment) => segment.day >= day);
  if (first === -1) return [];
  const lastHome =
    Math.max(
      first - 1,
      list.findLastIndex((segment) => segment.day <= day),
    ) + 1;
  const found: Read[] = [];
  for (const [i, segment] of list.entries()) {
    if (i < first) continue;
    if (found.length === 0 && i > lastHome) break;
    for await (const read of readHolding(deps, segment, `"${name}":"${value}"`)) {
      if (read.record[name] === value) found.push(read);
    }
    if (isOver(found)) break;
  }
  return found;
}

/** Only what is about a story or plan has words of Podium after its outcome (jobs/follow.ts). */
function isOver(found: readonly Read[]): boolean {
  const about = found[0]?.record;
  if (!about || about.story_id !== undefined || about.plan_id !== undefined) return false;
  return found.some(({ record }) => record.event === "outcome" && record.result !== "unknown");
}

/** Records whose lines hold this text, from the first file of a day on. */
export async function* readOnward(deps: ReadDeps, day: string, text: string): AsyncGenerator<StoredRecord> {
  const list = readableSegments(deps.files, deps.dir, deps.sha256);
  const from = list.findIndex((segment) => segment.day === day);
  if (from < 0) return;
  for (const segment of list.slice(from)) {
    for await (const { record } of readHolding(deps, segment, text)) yield record;
  }
}

/** All records of one UTC day, and of the file after it, where a late outcome may be; newest first. */
export async function* readDay(deps: ReadDeps, day: string): AsyncGenerator<StoredRecord> {
  for (const segment of aroundDay(deps, day).toReversed()) {
    for await (const { record } of readBackwards(deps, segment)) yield record;
  }
}

/** The days that the log holds records of, oldest first. */
export function heldDays(deps: ReadDeps): string[] {
  return [...new Set(readableSegments(deps.files, deps.dir, deps.sha256).map(({ day }) => day))].toSorted();
}

/** Whether the log still begins with its first record: nothing of it was ever pruned. */
export function holdsFirst({ files, dir, sha256 }: ReadDeps): boolean {
  return readableSegments(files, dir, sha256)[0]?.firstSeq === 0;
}

/** All records of a file are of one day, so that a time span rules out whole files unread. */
function isWithin({ day }: Segment, { from, to }: Span): boolean {
  return (from === undefined || day >= from.slice(0, 10)) && (to === undefined || day <= to.slice(0, 10));
}

/** The files of one day, the one after, and all that were written while the clock, set back, came up to that day again. */
function aroundDay(deps: ReadDeps, day: string): Segment[] {
  const list = readableSegments(deps.files, deps.dir, deps.sha256);
  let isNear = false;
  return list.filter((segment, i) => {
    isNear = segment.day === day || (isNear && segment.day < day) || list[i - 1]?.day === day;
    return isNear;
  });
}

async function* readSegment(deps: ReadDeps, segment: Segment, fromSeq = 0): AsyncGenerator<Read> {
  const file = openListed(deps, segment);
  if (!file) return;
  try {
    for await (const lines of linesOf(file, 0, file.stat().bytes)) {
      for (const line of lines) {
        const read = readLine(deps, segment, line);
        if (!read) return;
        if (read.record.seq >= fromSeq) yield read;
      }
    }
  } finally {
    file.close();
  }
}

async function* readBackwards(
  deps: ReadDeps,
  segment: Segment,
  fromSeq = Number.MAX_SAFE_INTEGER,
): AsyncGenerator<Read> {
  const file = openListed(deps, segment);
  if (!file) return;
  try {
    for await (const lines of linesBackwards(file, file.stat().bytes)) {
      for (const line of lines.toReversed()) {
        const read = readLine(deps, segment, line);
        if (read && read.record.seq <= fromSeq) yield read;
      }
    }
  } finally {
    file.close();
  }
}

/** Only the lines with this text in them; the others are neither checked nor parsed. */
async function* readHolding(deps: ReadDeps, segment: Segment, text: string): AsyncGenerator<Read> {
  const file = openListed(deps, segment);
  if (!file) return;
  try {
    for await (const line of linesHolding(file, text)) {
      const read = readLine(deps, segment, line);
      if (!read) return;
      yield read;
    }
  } finally {
    file.close();
  }
}

/** Undefined when the file was pruned since it was listed; when it was rotated, it is found under its new name. */
function openListed({ files, dir, sha256 }: ReadDeps, segment: Segment): ReadFile | undefined {
  return openSegment(files, dir, sha256, segment)?.file;
}

/** Undefined past the durable head. */
function readLine(deps: ReadDeps, segment: Segment, line: Pick<Line, "bytes">): Read | undefined {
  const frame = frameLine(line.bytes, deps.sha256);
  if (!isFlaw(frame) && deps.lastSeq !== undefined && frame.seq > deps.lastSeq) return undefined;
  const record = isFlaw(frame) ? frame : recordOf(line.bytes, frame);
  if (isFlaw(record)) throw unreadable(segment.path, record.flaw);
  return { record, file: segment.name, text: new TextDecoder().decode(line.bytes) };
}

function afterCursor(query: Query): number {
  return query.cursor === undefined ? 0 : query.cursor + 1;
}

function isWanted(record: StoredRecord, { from, to, filter }: Query): boolean {
  if (from !== undefined && record.timestamp < from) return false;
  if (to !== undefined && record.timestamp >= to) return false;
  for (const [key, value] of Object.entries(filter ?? {})) {
    if (value !== undefined && record[key as keyof Filter] !== value) return false;
  }
  return true;
}
