import type { Clock } from "../lib/clock.ts";
import { Fatal, Problem, exitCodes, messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Receipt } from "../wire/dispatch.ts";
import type { AppendFile, FileLock, Files } from "../runtime/types.ts";
import { activeName, pathIn } from "./folder.ts";
import type { Draft, Encoded, Sha256, StoredRecord } from "./record.ts";
import { encodeRecord } from "./record.ts";
import { recover } from "./recovery.ts";
import type { Tree } from "./tree.ts";

/**
 * The log that is being written. One process, one file, one loop: records are chained at once, in the order of the
 * calls, and written by the loop, which makes everything that has gathered durable with one fdatasync. Nobody is
 * answered before it returned. After the first fault nothing is ever written again (see README, "Life of a record").
 */

export interface AuditDeps {
  readonly files: Files;
  readonly sha256: Sha256;
  readonly clock: Clock;
  readonly log: Log;
  readonly dir: string;
  readonly keyFile: string;
  readonly retentionDays: number;
  readonly diskReserveMb: number;
  readonly rotateBytesMax?: number;
  /** Every record that a projection needs, in the order of seq: replayed ones first, then each new one once durable. */
  readonly onRecord?: (record: StoredRecord) => void;
  /** Called once, when the log can't be written any more: the process must end. */
  readonly onFatal: (error: Fatal) => void;
  readonly version: string;
}

/** Bytes for one write: bounds what a crash can tear, and the copy made to write it. */
export const batchBytesMax = 1_048_576;
/** Bytes that may wait for the disk; a disk this slow is as good as gone. */
const pendingBytesMax = 67_108_864;

interface Entry extends Encoded {
  resolve(record: StoredRecord): void;
  reject(problem: Problem): void;
}

export class AuditLog {
  readonly #deps: AuditDeps;
  readonly #path: string;
  readonly #lock: FileLock;
  readonly #tree: Tree;
  #file: AppendFile;
  #fileBytes: number;
  #state: "open" | "failed" | "closed" = "open";
  /** The last record that was chained; `#head` is the last one that is durable. */
  #tip: Receipt;
  #head: Receipt;
  #queue: Entry[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;

  private constructor(deps: AuditDeps, start: Awaited<ReturnType<typeof recover>>) {
    this.#deps = deps;
    this.#path = pathIn(deps.dir, activeName);
    this.#lock = start.lock;
    this.#tree = start.tree;
    this.#tip = this.#head = start.head;
    this.#file = start.file;
    this.#fileBytes = start.fileBytes;
  }

  /**
   * Takes the lock, recovers, replays, and writes `genesis` or `open`.
   * @throws Fatal with exit code 4 when the log is not what was written, 1 when it can't be used
   */
  static async open(deps: AuditDeps): Promise<AuditLog> {
    const start = await recover(deps);
    const log = new AuditLog(deps, start);
    for (const draft of start.drafts) await log.append(draft);
    return log;
  }

  /** The last durable record. */
  get head(): Receipt {
    return this.#head;
  }

  get state(): "open" | "failed" | "closed" {
    return this.#state;
  }

  /**
   * Chains the record now and resolves when it is durable.
   * @throws Problem `audit_unavailable`: it is not known to be durable; whatever depended on it must not happen
   */
  append(draft: Draft): Promise<StoredRecord> {
    if (this.#state !== "open") return Promise.reject(this.#unavailable());
    if (this.#queuedBytes > pendingBytesMax) return Promise.reject(unavailable("too much waits for the disk"));
    let encoded: Encoded;
    try {
      encoded = this.#chain(draft);
    } catch (error) {
      return Promise.reject(error);
    }
    return new Promise((resolve, reject) => {
      this.#queue.push({ ...encoded, resolve, reject });
      this.#queuedBytes += encoded.line.length;
      this.#running ??= this.#run();
    });
  }

  /** Chained together and in this order; resolves when all are durable. */
  appendMany(drafts: readonly Draft[]): Promise<StoredRecord[]> {
    return Promise.all(drafts.map((draft) => this.append(draft)));
  }

  /**
   * Refuses new dispatches while the disk is nearly full, so that outcomes and halts still fit.
   * @throws Problem `audit_unavailable`
   */
  assertAdmits(kind: "dispatch" | "outcome"): void {
    if (this.#state !== "open") throw this.#unavailable();
    if (kind === "outcome") return;
    const freeMb = Math.floor(this.#deps.files.freeBytes(this.#deps.dir) / 1_048_576);
    if (freeMb >= this.#deps.diskReserveMb) return;
    throw unavailable(`${freeMb} MiB are free in ${this.#deps.dir}, and audit.disk_reserve_mb keeps ${this.#deps.diskReserveMb}`);
  }

  /** Writes `close`, waits for everything appended before, and lets go of the lock. */
  async close(): Promise<void> {
    if (this.#state === "closed") return;
    if (this.#state === "open") await this.append({ event: "close" });
    await this.#running;
    if (this.#state === "open") this.#file.close();
    this.#state = "closed";
    this.#lock.release();
  }

  #chain(draft: Draft): Encoded {
    const place = { seq: this.#tip.seq + 1, prevHash: this.#tip.hash, epochMs: this.#deps.clock.now() };
    const encoded = encodeRecord(draft, place, this.#deps.sha256);
    this.#tree.append(encoded.leaf);
    this.#tip = { seq: place.seq, hash: encoded.record.hash };
    return encoded;
  }

  /** The only writer. Callers of the same turn gather before the first write. */
  async #run(): Promise<void> {
    await undefined;
    while (this.#queue.length > 0) {
      const batch = this.#takeBatch();
      try {
        this.#write(batch);
        await this.#file.datasync();
        this.#checkFile();
        this.#settle(batch);
      } catch (error) {
        this.#fail(error, batch);
        break;
      }
      await undefined;
    }
    this.#running = undefined;
  }

  #takeBatch(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      if (count > 0 && bytes + entry.line.length > batchBytesMax) break;
      bytes += entry.line.length;
      count++;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }

  #write(batch: readonly Entry[]): void {
    const bytes = joined(batch.map((entry) => entry.line));
    const count = this.#file.write(bytes);
    if (count !== bytes.length) throw new Fatal(`a write took ${count} of ${bytes.length} bytes`);
    this.#fileBytes += bytes.length;
  }

  /** The bytes we synced must be the ones that the path leads to, or nobody will find them. */
  #checkFile(): void {
    const ours = this.#file.stat();
    const there = this.#deps.files.stat(this.#path);
    if (there?.inode !== ours.inode || there.device !== ours.device) {
      throw new Fatal("the file was removed, renamed or replaced while roxy-core writes it", exitCodes.integrity);
    }
    if (ours.bytes === this.#fileBytes) return;
    throw new Fatal(`the file has ${ours.bytes} bytes where roxy-core wrote ${this.#fileBytes}`, exitCodes.integrity);
  }

  /** From here on the batch is durable: tell the projection, then the waiters, in the order of seq. */
  #settle(batch: readonly Entry[]): void {
    for (const { record } of batch) {
      this.#head = { seq: record.seq, hash: record.hash };
      this.#deps.onRecord?.(record);
    }
    for (const entry of batch) entry.resolve(entry.record);
  }

  /**
   * What reached the disk is unknown after a failed write or sync, and a second sync may lie. So nothing is retried:
   * every waiter is refused, and the next start finds out from the bytes.
   */
  #fail(error: unknown, batch: readonly Entry[]): void {
    this.#state = "failed";
    const fatal = new Fatal(
      `Cannot write the audit log ${this.#path}: ${messageOf(error)}`,
      error instanceof Fatal ? error.exitCode : exitCodes.failed,
    );
    this.#deps.log.error("audit_failed", { path: this.#path, error: messageOf(error) });
    const waiting = [...batch, ...this.#queue.splice(0)];
    for (const entry of waiting) entry.reject(this.#unavailable());
    this.#deps.onFatal(fatal);
  }

  #unavailable(): Problem {
    return unavailable(this.#state === "failed" ? "an earlier write failed" : "it is closed");
  }
}

function unavailable(why: string): Problem {
  return new Problem("audit_unavailable", `Cannot write the audit log: ${why}`);
}

function joined(lines: readonly Uint8Array[]): Uint8Array {
  if (lines.length === 1) return lines[0] as Uint8Array;
  const bytes = new Uint8Array(lines.reduce((sum, line) => sum + line.length, 0));
  let at = 0;
  for (const line of lines) {
    bytes.set(line, at);
    at += line.length;
  }
  return bytes;
}

