import type { AppendFile, Files } from "../../src/runtime/types.ts";

/**
 * Real files that fail on command: at the nth changing operation, either before it happens or after it did (the caller
 * can't tell which), or with a short write.
 */

export type FaultKind = "before" | "after" | "short";

export class FaultyFiles {
  readonly files: Files;
  /** Names of the changing operations so far, in order. */
  readonly done: string[] = [];
  #failAt: number;
  readonly #kind: FaultKind;
  readonly #code: string;
  /** Once something has failed, so does everything that changes: the process is as good as dead. */
  isDead = false;
  readonly #diesWithIt: boolean;

  constructor(real: Files, options: { failAt?: number; kind?: FaultKind; code?: string; diesWithIt?: boolean } = {}) {
    this.#failAt = options.failAt ?? Infinity;
    this.#kind = options.kind ?? "before";
    this.#code = options.code ?? "EIO";
    this.#diesWithIt = options.diesWithIt ?? true;
    const wrap =
      <A extends unknown[], R>(name: string, operation: (...args: A) => R) =>
      (...args: A): R => {
        const fails = this.#next(name);
        if (fails && this.#kind !== "after") throw this.error();
        const result = operation(...args);
        if (fails) throw this.error();
        return result;
      };
    this.files = {
      ...real,
      openAppend: wrap("openAppend", (path) => this.#append(real.openAppend(path))),
      writeAtomic: wrap("writeAtomic", real.writeAtomic),
      writeNew: wrap("writeNew", real.writeNew),
      rename: wrap("rename", real.rename),
      unlink: wrap("unlink", real.unlink),
      truncate: wrap("truncate", real.truncate),
      makeFolder: wrap("makeFolder", real.makeFolder),
      syncFolder: wrap("syncFolder", real.syncFolder),
    };
  }

  /** Fails at the next changing operation, or the one so many after it. */
  failNext(after = 0): void {
    this.#failAt = this.done.length + 1 + after;
  }

  error(): Error {
    return Object.assign(new Error(`${this.#code}: injected`), { code: this.#code });
  }

  #next(name: string): boolean {
    if (this.isDead) throw this.error();
    this.done.push(name);
    const fails = this.done.length === this.#failAt;
    if (fails && this.#diesWithIt) this.isDead = true;
    return fails;
  }

  #append(file: AppendFile): AppendFile {
    return {
      ...file,
      write: (bytes) => {
        const fails = this.#next("write");
        if (!fails) return file.write(bytes);
        if (this.#kind === "before") throw this.error();
        const count = file.write(
          bytes.subarray(0, this.#kind === "short" ? Math.floor(bytes.length / 2) : bytes.length),
        );
        if (this.#kind === "short") return count;
        throw this.error();
      },
      datasync: async () => {
        const fails = this.#next("datasync");
        if (fails && this.#kind !== "after") throw this.error();
        await file.datasync();
        if (fails) throw this.error();
      },
    };
  }
}
