import { counted } from "../lib/counted.ts";
import { Fatal, exitCodes } from "../lib/errors.ts";
import type { FileStart } from "./active-file.ts";
import { Chain, headFlaw } from "./chain.ts";
import { activeName, pathIn, survey } from "./folder.ts";
import type { Flaw } from "./frame.ts";
import { isFlaw, recordOf } from "./frame.ts";
import type { Rest } from "./lines.ts";
import { linesOf } from "./lines.ts";
import type { AuditDeps } from "./log.ts";
import type { StoredRecord } from "./record.ts";
import { zeroHash } from "./record.ts";
import { isSignedPrune } from "./pruned.ts";
import type { Segment } from "./segments.ts";
import { misplacement, readHead, readLast } from "./segments.ts";

/**
 * Reads the newest part of the log at start: enough for the projections (idempotency keys live a day) and for the
 * newest checkpoint. Of older files only the first and the last record are looked at, so that 90 days cost no more than
 * what happened in one day of running; `audit verify` reads them all.
 */

/** How far back the projections need records, in running time. */
const projectionMs = 86_400_000;

interface Bounds {
  readonly segment: Segment;
  readonly head: StoredRecord;
  readonly last: StoredRecord;
}

export interface Replayed {
  readonly chain: Chain;
  /** The first record that is not pruned: what the log itself says of it, and where its oldest file begins. */
  readonly firstSeq: number;
  /** Root of the tree at the size that was asked for; undefined when the log does not reach it. */
  readonly rootAtCheckpoint: string | undefined;
  /** Keys that were in force in what was read. */
  readonly keys: ReadonlySet<string>;
  readonly active: ActiveState | undefined;
}

interface ActiveState {
  readonly path: string;
  /** Undefined when the file has no complete record. */
  readonly start: FileStart | undefined;
  readonly rest: Rest;
}

/** @param checkpointSize tree size whose root is wanted. @throws Fatal with exit code 4, or 1 for a foreign format */
export async function replay(deps: AuditDeps, checkpointSize: number | undefined): Promise<Replayed> {
  const closed = closedBounds(deps);
  const activePath = pathIn(deps.dir, activeName);
  const activeHead = deps.files.stat(activePath) ? readHead(deps.files, activePath, deps.sha256) : undefined;
  if (activeHead && isFlaw(activeHead))
    throw closed.length === 0 ? beginsWith(activePath, 0, activeHead) : damaged(activePath, 1, undefined, activeHead);
  if (activeHead) compareNeighbours(closed.at(-1), activePath, activeHead);
  if (activeHead) checkHead(activePath, activeHead);
  const from = firstToRead(closed, activeHead, checkpointSize);
  const first = closed[from]?.head ?? activeHead;
  if (!first) throw new Fatal(`Cannot open the audit log in ${deps.dir}: it holds no record`, exitCodes.integrity);
  // What the first head says of all before it is believed because the signed root goes over it.
  if (first.seq > 0 && first.seq >= (checkpointSize ?? 0)) {
    const flaw = `the log begins behind its checkpoint, which covers ${counted(checkpointSize ?? 0, "record")}: they are missing`;
    throw damaged(closed[from]?.segment.path ?? activePath, 1, first.seq, { flaw });
  }
  const oldestSeq = (closed[0]?.head ?? first).seq;
  const walk = new Walk(deps, first, closed[from]?.segment.path ?? activePath, {
    oldestSeq,
    ...(checkpointSize !== undefined && { checkpointSize }),
  });
  for (const { segment } of closed.slice(from)) {
    const rest = await walk.file(segment);
    if (rest.bytes > 0)
      throw damaged(segment.path, walk.line + 1, walk.chain.seq + 1, {
        flaw: "a closed file ends in the middle of a line",
      });
  }
  if (!deps.files.stat(activePath)) return walk.result(undefined);
  const start = activeHead && { day: activeHead.timestamp.slice(0, 10), firstSeq: activeHead.seq };
  const known = start ?? { day: "", firstSeq: walk.chain.seq + 1 };
  const rest = await walk.file({ ...known, name: activeName, path: activePath, closed: false });
  return walk.result({ path: activePath, start, rest });
}

/** A walk over several files, which hands every record to the projection. */
class Walk {
  readonly #deps: AuditDeps;
  readonly #checkpointSize: number | undefined;
  readonly #oldestSeq: number;
  readonly chain: Chain;
  readonly #keys: Set<string>;
  #root: string | undefined;
  line = 0;

  constructor(
    deps: AuditDeps,
    first: Bounds["head"],
    path: string,
    known: { checkpointSize?: number; oldestSeq: number },
  ) {
    const chain = Chain.from(first, deps.sha256);
    if (isFlaw(chain)) throw damaged(path, 1, first.seq, chain);
    this.#deps = deps;
    this.#checkpointSize = known.checkpointSize;
    this.#oldestSeq = known.oldestSeq;
    this.chain = chain;
    this.#keys = new Set([chain.publicKey]);
    this.#look();
  }

  async file(segment: Segment): Promise<Rest> {
    const { files, onRecord } = this.#deps;
    const { path } = segment;
    const file = files.openRead(path);
    this.line = 0;
    try {
      const batches = linesOf(file, 0, file.stat().bytes);
      for (;;) {
        const { done, value } = await batches.next();
        if (done) return value;
        for (const line of value) {
          const frame = this.chain.take(line);
          this.line++;
          if (isFlaw(frame)) throw damaged(path, this.line, this.chain.seq + 1, frame);
          const misplaced = misplacement(frame, segment, this.line === 1);
          if (misplaced !== undefined) throw damaged(path, this.line, frame.seq, { flaw: misplaced });
          const record = recordOf(line.bytes, frame);
          if (isFlaw(record)) throw damaged(path, this.line, this.chain.seq, record);
          if (record.event === "key") this.#keys.add(this.chain.publicKey);
          if (record.event === "prune") await this.#checkPrune(path, record);
          this.#look();
          onRecord?.(record);
        }
      }
    } finally {
      file.close();
    }
  }

  /** One that we have not signed is somebody else's, to hide a loss; and we remove a file only after a checkpoint over it. */
  async #checkPrune(path: string, { seq, file, first_seq }: StoredRecord): Promise<void> {
    if (!(await isSignedPrune(this.chain.pruned!, this.chain.publicKey)))
      throw damaged(path, this.line, seq, { flaw: "the prune record is not signed by the log's key" });
    if (seq < (this.#checkpointSize ?? 0) || this.#oldestSeq <= first_seq!) return;
    throw damaged(path, this.line, seq, { flaw: `${file} is gone, and no checkpoint is signed over its prune record` });
  }

  result(active: ActiveState | undefined): Replayed {
    const { chain } = this;
    // A log that an earlier version began does not say where it begins; from its next file on it does.
    const firstSeq = chain.firstSeq ?? this.#oldestSeq;
    if (this.#oldestSeq > firstSeq) {
      const flaw = `the records before seq ${this.#oldestSeq} are missing, and no prune record says why`;
      throw damaged(this.#deps.dir, undefined, firstSeq, { flaw });
    }
    return { chain, firstSeq, rootAtCheckpoint: this.#root, keys: this.#keys, active };
  }

  #look(): void {
    if (this.chain.tree.size === this.#checkpointSize) this.#root = this.chain.tree.root();
  }
}

/** First and last record of each closed file, each hanging on the one before: shows a missing file at once. */
function closedBounds(deps: AuditDeps): Bounds[] {
  const bounds: Bounds[] = [];
  for (const file of survey(deps.files, deps.dir).closed) {
    const { path, firstSeq, day } = file;
    const head = readHead(deps.files, path, deps.sha256);
    if (!head || isFlaw(head)) {
      const flaw = head ?? { flaw: "the file holds no record" };
      throw bounds.length === 0 ? beginsWith(path, firstSeq, flaw) : damaged(path, 1, firstSeq, flaw);
    }
    if (head.seq !== firstSeq || head.timestamp.slice(0, 10) !== day) {
      throw damaged(path, 1, firstSeq, {
        flaw: `the name does not fit the first record: seq ${head.seq}, ${head.timestamp}`,
      });
    }
    compareNeighbours(bounds.at(-1), path, head);
    checkHead(path, head);
    const last = readLast(deps.files, path, deps.sha256);
    if (!last || isFlaw(last))
      throw damaged(path, undefined, undefined, { ...last, flaw: `the last line: ${last?.flaw ?? "missing"}` });
    bounds.push({ segment: { ...file, closed: true }, head, last });
  }
  return bounds;
}

function checkHead(path: string, head: StoredRecord): void {
  const flaw = headFlaw(head);
  if (flaw !== undefined) throw damaged(path, 1, head.seq, { flaw });
}

function compareNeighbours(before: Bounds | undefined, path: string, head: StoredRecord): void {
  // What lies before the first file was pruned: the newest records say so, or it is missing.
  if (!before) {
    if (head.seq === 0 && head.prev_hash !== zeroHash) throw damaged(path, 1, 0, { flaw: "genesis has a predecessor" });
    return;
  }
  const { seq, hash } = before.last;
  if (head.seq === seq + 1 && head.prev_hash === hash) return;
  const flaw = `it begins with seq ${head.seq}, but ${before.segment.path} ends with seq ${seq}: records are missing or were changed`;
  throw damaged(path, 1, seq + 1, { flaw });
}

/**
 * Index of the oldest closed file to read in full: all that hold some of the last day of running time, which no clock
 * that is wrong now, or was wrong then, makes more or less, and at least what the checkpoint covers last.
 */
function firstToRead(
  closed: readonly Bounds[],
  activeHead: StoredRecord | undefined,
  checkpointSize: number | undefined,
): number {
  const wantedFromMs = ((activeHead ?? closed.at(-1)?.last)?.uptime_ms ?? 0) - projectionMs;
  let from = closed.length;
  while (from > 0) {
    const { last } = closed[from - 1] as Bounds;
    const covers = checkpointSize !== undefined && checkpointSize <= last.seq + 1 && activeHead?.seq !== checkpointSize;
    // What it has to say may not have been said again yet.
    const isNewest = from === closed.length;
    if (!isNewest && !covers && (last.uptime_ms ?? 0) < wantedFromMs) break;
    from--;
  }
  return from;
}

/** Only the very first line makes a log another version's: anywhere else a version is a change like any other. */
function beginsWith(path: string, seq: number, flaw: Flaw): Fatal {
  if (!flaw.foreignVersion) return damaged(path, 1, seq, flaw);
  return new Fatal(
    `Cannot open the audit log: ${path}: ${flaw.flaw}. Run the version of roxy-core that wrote it`,
    exitCodes.failed,
  );
}

function damaged(
  path: string,
  line: number | undefined,
  seq: number | undefined,
  { flaw, foreignVersion }: Flaw,
): Fatal {
  const place = `${path}${line === undefined ? "" : ` line ${line}`}${seq === undefined ? "" : ` (seq ${seq})`}`;
  const remedy = foreignVersion
    ? "Nothing was changed. If a newer roxy-core went on with this log, run that one; else restore the file from a copy"
    : "Nothing was changed. Run `roxy-core audit verify`, and restore the file from a copy";
  return new Fatal(`Cannot open the audit log: ${place}: ${flaw}. ${remedy}`, exitCodes.integrity);
}
