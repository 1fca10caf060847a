import type { Clock } from "../lib/clock.ts";
import { dayOf, uptimeOf } from "../lib/clock.ts";
import type { Fatal, Problem } from "../lib/errors.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Receipt } from "../wire/dispatch.ts";
import type { FileLock, Files } from "../runtime/types.ts";
import { cannotWrite, unavailable } from "./advice.ts";
import type { ActiveFile, FileStart } from "./active-file.ts";
import { Checkpoints } from "./checkpoints.ts";
import { DiskReserve } from "./disk-reserve.ts";
import { fileHeadDraft, genesisDraft } from "./first-record.ts";
import type { SigningKey } from "./key.ts";
import { installKey, makeKey, pendingKeyPath } from "./key.ts";
import { keyChangeDraft } from "./key-change.ts";
import type { Draft, Encoded, Sha256, StoredRecord } from "./record.ts";
import { encodeRecord } from "./record.ts";
import type { Start } from "./recovery.ts";
import { recover } from "./recovery.ts";
import { pruneNext } from "./retention.ts";
import type { Tree, TreeHead } from "./tree.ts";
import { rootOf } from "./tree.ts";
import type { Entry } from "./write-loop.ts";
import { WriteLoop } from "./write-loop.ts";

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

/** Bytes of a file before it is closed early; small enough to be hashed in memory when its time has come. */
const rotateBytesMaxDefault = 67_108_864;
const dayMs = 86_400_000;
/** Bytes that may wait for the disk; a disk this slow is as good as gone. */
const pendingBytesMax = 67_108_864;

export class AuditLog {
  readonly #deps: AuditDeps;
  readonly #lock: FileLock;
  readonly #file: ActiveFile;
  readonly #loop: WriteLoop;
  readonly #checkpoints: Checkpoints;
  readonly #reserve: DiskReserve;
  readonly #logId: string;
  #publicKey: string;
  #state: "open" | "closing" | "failed" | "closed" = "open";
  /** Chained, durable or not: the record, the tree and the file that the next one follows. */
  #tip: Receipt;
  readonly #tree: Tree;
  /** The first record that is not pruned. */
  #firstSeq: number;
  #tipDayMs: number;
  #tipBytes: number;
  /** Durable. */
  #head: Receipt;
  #durable: TreeHead;
  #closing: Promise<void> | undefined;
  /** Why nothing is written any more. */
  #fatal: Fatal | undefined;
  /** `open` has returned: from now on faults go to onFatal, before to its caller. */
  #isOpen = false;
  /** A record is being signed for its place: what comes meanwhile waits these milliseconds for the one after it. */
  #held: Promise<void> | undefined;
  /** Checkpoints, pruning and key changes, one after the other. */
  #upkeep: Promise<void> = Promise.resolve();

  private constructor(deps: AuditDeps, start: Start) {
    this.#deps = deps;
    this.#lock = start.lock;
    this.#file = start.file;
    this.#loop = new WriteLoop(
      start.file,
      deps.clock,
      (batch) => this.#settle(batch),
      (error) => this.#fail(error),
    );
    this.#checkpoints = new Checkpoints(deps, start.logId, start.key, start.checkpointSize);
    this.#reserve = new DiskReserve(deps);
    this.#logId = start.logId;
    this.#publicKey = start.key.publicKey;
    this.#tip = this.#head = start.head;
    this.#tree = start.tree;
    this.#firstSeq = start.firstSeq;
    this.#durable = start.tree.head;
    this.#tipDayMs = Date.parse(start.file.start.day);
    this.#tipBytes = start.fileBytes;
  }

  /**
   * Takes the lock, recovers, replays, and writes `genesis` or `open` and a checkpoint.
   * @throws Fatal with exit code 4 when the log is not what was written, 1 when it can't be used
   */
  static async open(deps: AuditDeps): Promise<AuditLog> {
    const start = await recover(deps);
    const log = new AuditLog(deps, start);
    try {
      await log.#begin(start);
    } catch (error) {
      await log.close();
      throw log.#fatal ?? error;
    }
    log.#isOpen = true;
    return log;
  }

  async #begin(start: Start): Promise<void> {
    if (start.isUnwritten) await this.#push(this.#chain(this.#fileHead(), start.epochMs));
    if (start.keyIsPending) {
      // The key takes its final name last: it says that both the log and a checkpoint are there.
      if (this.#checkpoints.size === 0) await this.#maintain(() => this.#writeCheckpoint());
      await this.#maintain(async () => installKey(this.#deps.files, this.#deps.keyFile));
    }
    await Promise.all(start.drafts.map((draft) => this.#enqueue(draft)));
    await this.#maintain(() => this.#prune());
    if (this.#fatal) throw this.#fatal;
  }

  /** The last durable record. */
  get head(): Receipt {
    return this.#head;
  }

  /** Records that the newest signed checkpoint covers. */
  get checkpointSize(): number {
    return this.#checkpoints.size;
  }

  get state(): "open" | "failed" | "closed" {
    return this.#state === "closing" ? "closed" : this.#state;
  }

  /**
   * Chains the record now and resolves when it is durable.
   * @param alone nothing else is under way, so the thread itself may wait for a quick disk
   * @throws Problem `audit_unavailable`: it is not known to be durable; whatever depended on it must not happen
   */
  append(draft: Draft, alone = false): Promise<StoredRecord> {
    if (this.#held) return this.#held.then(() => this.append(draft, alone));
    if (this.#state !== "open") return Promise.reject(this.#unavailable());
    if (this.#loop.queuedBytes > pendingBytesMax) return Promise.reject(unavailable("too much waits for the disk"));
    return this.#enqueue(draft, alone);
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
    const lack = this.#reserve.lack();
    if (lack !== undefined) throw unavailable(lack);
  }

  /** Signs a checkpoint over everything durable; nothing to do when the newest one covers it. */
  seal(): Promise<void> {
    return this.#maintain(() => this.#writeCheckpoint());
  }

  /** Makes a new signing key and records it, signed by the old key and the new one. */
  rotateKey(): Promise<void> {
    return this.#maintain(() => this.#changeKey());
  }

  /** Writes `close`, waits for everything appended before, signs a last checkpoint and lets go of the lock. */
  close(): Promise<void> {
    this.#closing ??= this.#shut();
    return this.#closing;
  }

  async #shut(): Promise<void> {
    if (this.#state === "open") {
      this.#state = "closing";
      await this.#upkeep;
      await this.#enqueue({ event: "close" }).catch(() => {});
      await this.#maintain(() => this.#writeCheckpoint());
    }
    await this.#loop.idle();
    await this.#upkeep;
    this.#checkpoints.stop();
    if (this.#state === "closing") this.#state = "closed";
    try {
      this.#file.close();
    } finally {
      this.#lock.release();
    }
  }

  #enqueue(draft: Draft, alone = false): Promise<StoredRecord> {
    try {
      // Upkeep may have been waiting for something while the log failed.
      if (this.#state === "failed") throw this.#unavailable();
      const epochMs = this.#deps.clock.now();
      this.#openFileFor(epochMs);
      return this.#push(this.#chain(draft, epochMs), alone);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #openFileFor(epochMs: number): void {
    const opens = this.#fileStart(epochMs);
    if (!opens) return;
    this.#push(this.#chain(this.#fileHead(), epochMs), false, opens).catch(() => {});
  }

  #push(encoded: Encoded, alone = false, opens?: FileStart): Promise<StoredRecord> {
    if (opens) {
      this.#tipDayMs = Date.parse(opens.day);
      this.#tipBytes = 0;
    }
    this.#tipBytes += encoded.line.length;
    return this.#loop.push(encoded, this.#tree.head, alone, opens);
  }

  #chain(draft: Draft, epochMs: number): Encoded {
    const place = { seq: this.#tip.seq + 1, prevHash: this.#tip.hash, epochMs };
    const encoded = encodeRecord({ ...draft, uptime_ms: uptimeOf(this.#deps.clock) }, place, this.#deps.sha256);
    this.#tree.appendHash(encoded.leafHash);
    this.#tip = { seq: place.seq, hash: encoded.record.hash };
    return encoded;
  }

  /** The new file that a record of this moment must go to: each file holds records of one UTC day only. */
  #fileStart(epochMs: number): FileStart | undefined {
    const isSameDay = epochMs >= this.#tipDayMs && epochMs < this.#tipDayMs + dayMs;
    const isFull = this.#tipBytes > (this.#deps.rotateBytesMax ?? rotateBytesMaxDefault);
    if (this.#tipBytes === 0 || (isSameDay && !isFull)) return undefined;
    return { day: dayOf(epochMs), firstSeq: this.#tip.seq + 1 };
  }

  /** From here on the batch is durable. The projection knows of it before the callers do. */
  #settle(batch: readonly Entry[]): void {
    for (const { record, tree } of batch) {
      this.#head = { seq: record.seq, hash: record.hash };
      this.#durable = tree;
      this.#deps.onRecord?.(record);
    }
    const checkpoint = (): void => void this.#maintain(() => this.#writeCheckpoint());
    if (this.#state !== "open") return;
    if (batch[0]?.opens) void this.#maintain(() => this.#prune());
    else if (this.#checkpoints.isDue(this.#durable.size, checkpoint)) checkpoint();
  }

  #maintain(work: () => Promise<void>): Promise<void> {
    this.#upkeep = this.#upkeep.then(async () => {
      if (this.#state === "failed" || this.#state === "closed") return;
      try {
        await work();
      } catch (error) {
        this.#fail(error);
      }
    });
    return this.#upkeep;
  }

  async #writeCheckpoint(): Promise<void> {
    const { size, range } = this.#durable;
    if (size > this.#checkpoints.size) await this.#checkpoints.write(size, rootOf(this.#deps.sha256, range));
  }

  /** Each file goes only after its record and a checkpoint over that record are durable. */
  async #prune(): Promise<void> {
    await this.#writeCheckpoint();
    for (;;) {
      const known = { today: this.#file.start.day, firstSeq: this.#firstSeq, key: this.#checkpoints.key };
      const next = await pruneNext(this.#deps, known);
      if (!next) return;
      const pruned = this.#enqueue(next.draft);
      this.#firstSeq = Math.max(this.#firstSeq, next.draft.last_seq! + 1);
      await pruned;
      await this.#writeCheckpoint();
      next.remove();
    }
  }

  async #changeKey(): Promise<void> {
    const key = await makeKey(this.#deps.files, pendingKeyPath(this.#deps.keyFile));
    await this.#appendKey(key);
    installKey(this.#deps.files, this.#deps.keyFile);
    this.#checkpoints.key = key;
    await this.#writeCheckpoint();
  }

  /** Nothing else is chained between the signing and the record: the signatures hold for one place only. */
  async #appendKey(key: SigningKey): Promise<void> {
    const signed = Promise.withResolvers<void>();
    this.#held = signed.promise;
    let written: Promise<StoredRecord>;
    try {
      const epochMs = this.#deps.clock.now();
      this.#openFileFor(epochMs);
      const place = { logId: this.#logId, seq: this.#tip.seq + 1, prevHash: this.#tip.hash };
      const draft = await keyChangeDraft(place, this.#checkpoints.key, key);
      if (this.#state === "failed") throw this.#unavailable();
      written = this.#push(this.#chain(draft, epochMs));
      this.#publicKey = key.publicKey;
    } finally {
      this.#held = undefined;
      signed.resolve();
    }
    await written;
  }

  #fileHead(): Draft {
    const identity = { logId: this.#logId, version: this.#deps.version, publicKey: this.#publicKey };
    return this.#tree.size === 0 ? genesisDraft(identity) : fileHeadDraft(identity, this.#tree, this.#firstSeq);
  }

  /**
   * What reached the disk is unknown after a failed write or sync, and a second sync may lie. So nothing is retried:
   * every waiter is refused, and the next start finds out from the bytes.
   */
  #fail(error: unknown): void {
    this.#state = "failed";
    this.#checkpoints.stop();
    this.#loop.refuse(this.#unavailable());
    if (this.#fatal) return;
    this.#fatal = cannotWrite(this.#file.path, error);
    this.#deps.log.error("audit_failed", { path: this.#file.path, error: messageOf(error) });
    if (this.#isOpen) this.#deps.onFatal(this.#fatal);
  }

  #unavailable(): Problem {
    return unavailable(this.#state === "failed" ? "an earlier write failed" : "it is closed");
  }
}
