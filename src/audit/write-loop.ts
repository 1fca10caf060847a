import type { Clock } from "../lib/clock.ts";
import type { Problem } from "../lib/errors.ts";
import type { ActiveFile, FileStart } from "./active-file.ts";
import type { Encoded, StoredRecord } from "./record.ts";
import { batchBytesMax } from "./record.ts";
import type { TreeHead } from "./tree.ts";

/**
 * Group commit: whatever has gathered while the disk was busy becomes durable with one write and one fdatasync. Records
 * arrive here in the order of the chain and leave in it.
 */

export interface Entry extends Pick<Encoded, "record" | "line"> {
  /** The tree with this record in it. */
  readonly tree: TreeHead;
  /** Set on the first record of a new file: close the old one first. */
  readonly opens: FileStart | undefined;
  /** Nothing else is under way: nobody would share the sync, and nobody is kept waiting by it. */
  readonly alone: boolean;
  resolve(record: StoredRecord): void;
  reject(problem: Problem): void;
}

/** Milliseconds: a disk that took longer the last time is waited for on another thread, so that streams go on. */
const hereMsMax = 5;

export class WriteLoop {
  readonly #file: ActiveFile;
  readonly #clock: Clock;
  readonly #settled: (batch: readonly Entry[]) => void;
  readonly #failed: (error: unknown) => void;
  #queue: Entry[] = [];
  #writing: readonly Entry[] = [];
  #queuedBytes = 0;
  /** What the last sync took; the first one is waited for elsewhere. */
  #syncMs = Infinity;
  #running: Promise<void> | undefined;

  /**
   * @param settled called for each durable batch, before anybody is answered
   * @param failed called at the first error; it must call {@link refuse}, and nothing may be pushed after it
   */
  constructor(
    file: ActiveFile,
    clock: Clock,
    settled: (batch: readonly Entry[]) => void,
    failed: (error: unknown) => void,
  ) {
    this.#file = file;
    this.#clock = clock;
    this.#settled = settled;
    this.#failed = failed;
  }

  /** Bytes that wait for the disk. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push({ record, line }: Encoded, tree: TreeHead, alone: boolean, opens?: FileStart): Promise<StoredRecord> {
    this.#queuedBytes += line.length;
    this.#running ??= this.#run();
    return new Promise((resolve, reject) => {
      this.#queue.push({ record, line, tree, alone, opens, resolve, reject });
    });
  }

  /** Resolves when nothing is being written and nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Refuses everybody who has not been answered. */
  refuse(problem: Problem): void {
    const waiting = [...this.#writing, ...this.#queue.splice(0)];
    this.#writing = [];
    this.#queuedBytes = 0;
    for (const entry of waiting) entry.reject(problem);
  }

  /** The only writer. Callers of the same turn gather before the first write. */
  async #run(): Promise<void> {
    await Promise.resolve();
    while (this.#queue.length > 0) {
      this.#writing = this.#takeBatch();
      try {
        await this.#write(this.#writing);
        this.#settled(this.#writing);
      } catch (error) {
        this.#failed(error);
        break;
      }
      for (const entry of this.#writing) entry.resolve(entry.record);
      this.#writing = [];
      await Promise.resolve();
    }
    this.#running = undefined;
  }

  async #write(batch: readonly Entry[]): Promise<void> {
    if (batch[0]?.opens) this.#file.rotate(batch[0].opens);
    this.#file.write(joined(batch));
    const isAlone = batch.length === 1 && batch[0]!.alone;
    const startedAt = this.#clock.monotonic();
    await this.#file.sync(isAlone && this.#syncMs < hereMsMax);
    this.#syncMs = this.#clock.monotonic() - startedAt;
  }

  /** What has gathered, up to a limit, and up to the next file. */
  #takeBatch(): Entry[] {
    let bytes = 0;
    let count = 0;
    for (const entry of this.#queue) {
      if (count > 0 && (entry.opens || bytes + entry.line.length > batchBytesMax)) break;
      bytes += entry.line.length;
      count++;
    }
    this.#queuedBytes -= bytes;
    return this.#queue.splice(0, count);
  }
}

function joined(batch: readonly Entry[]): Uint8Array {
  if (batch.length === 1) return (batch[0] as Entry).line;
  const bytes = new Uint8Array(batch.reduce((sum, { line }) => sum + line.length, 0));
  let at = 0;
  for (const { line } of batch) {
    bytes.set(line, at);
    at += line.length;
  }
  return bytes;
}
