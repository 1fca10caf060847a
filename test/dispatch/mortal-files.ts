import type { AppendFile, FileLock, Files } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";

/** How much of its last write a process leaves behind when it is killed in it. */
export type LastWrite = "nothing" | "half" | "whole";

/**
 * The file system as one process has it, until the process is killed: from then on nothing it does has an effect, and
 * its lock is free. Syncing costs nothing here, because a kill loses no written bytes; only a power cut does.
 */
export class MortalFiles {
  readonly #locks: FileLock[] = [];
  readonly #open: AppendFile[] = [];
  #killIn: { writes: number; last: LastWrite } | undefined;
  readonly #death = Promise.withResolvers<void>();
  dead = false;
  /** Resolves at the kill. */
  readonly death: Promise<void> = this.#death.promise;
  readonly files: Files = {
    ...runtime.files,
    openAppend: (path) => this.#append(runtime.files.openAppend(path)),
    lock: (path) => {
      const lock = runtime.files.lock(path);
      if (!lock) return undefined;
      this.#locks.push(lock);
      return { release: () => take(this.#locks, lock)?.release() };
    },
    writeAtomic: (path, data, mode) => this.#living(() => runtime.files.writeAtomic(path, data, mode)),
    rename: (from, to) => this.#living(() => runtime.files.rename(from, to)),
    unlink: (path) => this.#living(() => runtime.files.unlink(path)),
  };

  /** The kill comes in the n-th append from now. */
  killIn(writes: number, last: LastWrite): void {
    this.#killIn = { writes, last };
  }

  kill(): void {
    this.dead = true;
    this.#death.resolve();
    for (const file of this.#open.splice(0)) file.close();
    for (const lock of this.#locks.splice(0)) lock.release();
  }

  #append(file: AppendFile): AppendFile {
    this.#open.push(file);
    return {
      stat: file.stat,
      close: () => take(this.#open, file)?.close(),
      write: (bytes) => {
        if (this.dead) throw new Error("killed");
        const due = this.#killIn && --this.#killIn.writes <= 0 ? this.#killIn.last : undefined;
        if (due === undefined) return file.write(bytes);
        if (due !== "nothing") file.write(due === "half" ? bytes.subarray(0, bytes.length >> 1) : bytes);
        this.kill();
        return bytes.length;
      },
      // Whoever waits for the disk of a dead process waits for ever.
      datasync: () => (this.dead ? new Promise(() => {}) : Promise.resolve()),
    };
  }

  #living<T>(act: () => T): T {
    if (this.dead) throw new Error("killed");
    return act();
  }
}

/** Takes it out of the list; undefined when it is there no more. */
function take<T>(list: T[], item: T): T | undefined {
  const index = list.indexOf(item);
  return index < 0 ? undefined : list.splice(index, 1)[0];
}
