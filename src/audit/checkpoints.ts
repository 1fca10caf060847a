import type { Clock } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import type { Files } from "../runtime/types.ts";
import { checkpointName, pathIn } from "./folder.ts";
import type { SigningKey } from "./key.ts";
import { signCheckpoint } from "./key.ts";
import { originOf } from "./note.ts";
import type { Sha256 } from "./record.ts";

/** Records after which a checkpoint is due: a minute of 1,000 clients, or 50 minutes at the default limit. */
export const checkpointRecordsMax = 1000;
/** How long a durable record may wait for a checkpoint that covers it: the tail that could be cut unseen. */
export const checkpointDelayMs = 60_000;

interface Deps {
  readonly files: Files;
  readonly sha256: Sha256;
  readonly clock: Clock;
  readonly log: Log;
  readonly dir: string;
}

/** Signs tree heads and keeps the newest beside the log. The caller never lets two writes overlap. */
export class Checkpoints {
  readonly #deps: Deps;
  readonly #origin: string;
  key: SigningKey;
  #size: number;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param size what the checkpoint on disk covers; 0 when there is none */
  constructor(deps: Deps, logId: string, key: SigningKey, size: number) {
    this.#deps = deps;
    this.#origin = originOf(logId);
    this.key = key;
    this.#size = size;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Writes the checkpoint of a tree whose every record is durable: were one not, a crash could leave a checkpoint that
   * promises more than the log holds, and an honest log would look cut.
   * If we crash here, the old checkpoint stands, which is still true; or the new one.
   */
  async write(size: number, root: string): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const { files, sha256, dir, log } = this.#deps;
    const note = await signCheckpoint({ origin: this.#origin, size, root }, this.key, sha256);
    files.writeAtomic(pathIn(dir, checkpointName), note, 0o600);
    this.#size = size;
    log.always("audit_checkpoint", { size, root, note });
  }

  /** Called after each durable batch: says whether to write now; else makes sure that `later` is called in time. */
  isDue(durable: number, later: () => void): boolean {
    if (durable - this.#size >= checkpointRecordsMax) return true;
    this.#timer ??= setTimeout(later, checkpointDelayMs);
    return false;
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
