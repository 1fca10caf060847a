import { Fatal, exitCodes } from "../lib/errors.ts";
import type { AppendFile, FileFacts, FileLock, Files } from "../runtime/types.ts";
import { activeName, closedName, lockLog, pathIn } from "./folder.ts";

/**
 * The file that is being written: the only place that appends. The system calls of one batch, in this order:
 * write (its count checked), fdatasync, lstat of the path. After an error of any of them the
 * file is never written again. The file itself is locked while it is ours: a lock file can be removed, this one is missed.
 */

export interface FileStart {
  /** UTC day of the first record, such as `2026-01-09`: the day in its name once it is closed. */
  readonly day: string;
  readonly firstSeq: number;
}

export class ActiveFile {
  readonly #files: Files;
  readonly #dir: string;
  readonly path: string;
  #file: AppendFile;
  #lock: FileLock;
  /** The open descriptor's. While it is open, no other file can have this inode. */
  #identity: Pick<FileFacts, "inode" | "device">;
  #start: FileStart;
  /** What we know to be in the file; anything else means that somebody else wrote or cut it. */
  #bytes: number;

  /**
   * Opens or creates it. The caller has replayed exactly `bytes` of it.
   * @param lock on the file when it was there before: released with the file, and the caller's still when this throws
   * If we crash after creating it, an empty file stands there, which the next start takes as absent.
   * @throws Fatal (exit code 4) when the file is not what was replayed; FileError
   */
  constructor(files: Files, dir: string, start: FileStart, bytes: number, lock?: FileLock) {
    this.#files = files;
    this.#dir = dir;
    this.path = pathIn(dir, activeName);
    this.#start = start;
    this.#bytes = bytes;
    this.#file = files.openAppend(this.path);
    this.#lock = lock ?? this.#lockOr(this.#file);
    this.#identity = this.#file.stat();
    try {
      files.syncFolder(dir);
      this.#check();
    } catch (error) {
      this.#file.close();
      if (!lock) this.#lock.release();
      throw error;
    }
  }

  #lockOr(file: AppendFile): FileLock {
    try {
      return lockLog(this.#files, this.path);
    } catch (error) {
      file.close();
      throw error;
    }
  }

  get start(): FileStart {
    return this.#start;
  }

  /** One write for the whole batch. If we crash in it, any prefix of the bytes may be on disk: recovery's torn tail. */
  write(bytes: Uint8Array): void {
    const count = this.#file.write(bytes);
    if (count !== bytes.length) throw new Fatal(`a write took ${count} of ${bytes.length} bytes`);
    this.#bytes += bytes.length;
  }

  /**
   * When this resolves the bytes are durable, and they are where the path leads.
   * @param here see {@link AppendFile.datasync}
   */
  async sync(here: boolean): Promise<void> {
    await this.#file.datasync(here);
    this.#check();
  }

  /**
   * Closes this file under its own name and begins a new one. All of its records must be durable.
   * If we crash before the rename, nothing has happened; after it, the next start finds no active file and goes on
   * behind the closed one.
   */
  rotate(next: FileStart): void {
    const target = pathIn(this.#dir, closedName(this.#start.day, this.#start.firstSeq));
    this.#check();
    if (this.#files.stat(target)) throw new Fatal(`${target} is in the way`, exitCodes.integrity);
    this.#files.rename(this.path, target);
    this.#files.syncFolder(this.#dir);
    const closed = { file: this.#file, lock: this.#lock };
    const file = this.#files.openAppend(this.path);
    this.#lock = this.#lockOr(file);
    this.#file = file;
    this.#identity = file.stat();
    closed.file.close();
    // Not before the new one is ours: whoever finds no active file asks for the newest closed one.
    closed.lock.release();
    this.#files.syncFolder(this.#dir);
    this.#start = next;
    this.#bytes = 0;
    this.#check();
  }

  close(): void {
    this.#file.close();
    this.#lock.release();
  }

  #check(): void {
    const there = this.#files.stat(this.path);
    if (there?.inode !== this.#identity.inode || there.device !== this.#identity.device) {
      throw new Fatal("the file was removed, renamed or replaced while roxy-core writes it", exitCodes.integrity);
    }
    if (there.bytes === this.#bytes) return;
    throw new Fatal(`the file has ${there.bytes} bytes where roxy-core knows of ${this.#bytes}`, exitCodes.integrity);
  }
}
