import fs from "node:fs";
import path from "node:path";
import type { AppendFile, FileFacts, FileLock, Files, ReadFile } from "./types.ts";

const { O_APPEND, O_CREAT, O_EXCL, O_NOFOLLOW, O_RDONLY, O_RDWR, O_WRONLY } = fs.constants;

/** The file operations that both runtimes offer through `node:fs`; only the lock differs. */
export function nodeFiles(lock: (path: string) => FileLock | undefined): Files {
  return {
    openAppend,
    stat,
    openRead,
    readAll,
    writeAtomic,
    writeNew,
    rename: (from, to) => fs.renameSync(from, to),
    unlink: (target) => fs.unlinkSync(target),
    truncate,
    list: (folder) => fs.readdirSync(folder).toSorted((a, b) => (a < b ? -1 : 1)),
    makeFolder: (target, mode) => void fs.mkdirSync(target, { recursive: true, mode }),
    syncFolder,
    freeBytes,
    lock,
    user: () => process.geteuid?.() ?? -1,
  };
}

/**
 * Opens without following a symlink in the last segment. O_NOFOLLOW alone is not enough: a runtime may drop numeric
 * flags it does not know, so the open descriptor must also be what lstat saw at the path. Nothing but a plain file.
 */
export function openSafely(target: string, flags: number, mode = 0o600): number {
  refuseStrangeKinds(target);
  const fd = fs.openSync(target, flags | O_NOFOLLOW, mode);
  const opened = fs.fstatSync(fd);
  const there = fs.lstatSync(target, { throwIfNoEntry: false });
  if (there && !there.isSymbolicLink() && there.ino === opened.ino && there.dev === opened.dev) return fd;
  fs.closeSync(fd);
  throw fileError("ELOOP", `${target} is a symbolic link or was replaced while it was opened`);
}

/** Opens, or makes, the file that a lock is held on. */
export function openLockFile(target: string): number {
  const isThere = fs.lstatSync(target, { throwIfNoEntry: false }) !== undefined;
  const fd = openSafely(target, O_RDWR | O_CREAT);
  if (!isThere) giveTo(fd, fs.statSync(path.dirname(target)));
  return fd;
}

/** Whom a file at this path belongs to: as the one that is there, else as its folder. */
function ownerAt(target: string): fs.Stats {
  const there = fs.lstatSync(target, { throwIfNoEntry: false });
  return there?.isFile() ? there : fs.statSync(path.dirname(target));
}

const rootUser = 0;

/** Root works on other users' files too, and what it leaves there must stay theirs to read. Nobody else can give away. */
function giveTo(fd: number, { uid, gid }: fs.Stats): void {
  if (process.geteuid?.() === rootUser && uid !== rootUser) fs.fchownSync(fd, uid, gid);
}

/** Opening a pipe would wait for its other end, and a device may do anything. */
function refuseStrangeKinds(target: string): void {
  const stats = fs.lstatSync(target, { throwIfNoEntry: false });
  if (!stats || stats.isFile() || stats.isSymbolicLink()) return;
  if (stats.isDirectory()) throw fileError("EISDIR", `${target} is a folder, not a plain file`);
  throw fileError("EINVAL", `${target} is a device, pipe or socket, not a plain file`);
}

function fileError(code: string, message: string): Error {
  return Object.assign(new Error(`${code}: ${message}`), { code });
}

function factsOf(stats: fs.Stats): FileFacts {
  return {
    kind: kindOf(stats),
    bytes: stats.size,
    device: stats.dev,
    inode: stats.ino,
    mode: stats.mode & 0o7777,
    owner: stats.uid,
    modifiedMs: stats.mtimeMs,
  };
}

function kindOf(stats: fs.Stats): FileFacts["kind"] {
  if (stats.isSymbolicLink()) return "symlink";
  if (stats.isFile()) return "file";
  if (stats.isDirectory()) return "folder";
  return stats.isSocket() ? "socket" : "other";
}

function stat(target: string): FileFacts | undefined {
  const stats = fs.lstatSync(target, { throwIfNoEntry: false });
  return stats && factsOf(stats);
}

function openAppend(target: string): AppendFile {
  const fd = openSafely(target, O_WRONLY | O_APPEND | O_CREAT);
  return {
    write: (bytes) => fs.writeSync(fd, bytes),
    async datasync(here = false) {
      if (here) return fs.fdatasyncSync(fd);
      await new Promise<void>((resolve, reject) => fs.fdatasync(fd, (error) => (error ? reject(error) : resolve())));
    },
    stat: () => factsOf(fs.fstatSync(fd)),
    close: () => fs.closeSync(fd),
  };
}

function openRead(target: string): ReadFile {
  const fd = openSafely(target, O_RDONLY);
  return {
    read: (into, offset) => fs.readSync(fd, into, 0, into.length, offset),
    readAsync: (into, offset) =>
      new Promise((resolve, reject) =>
        fs.read(fd, into, 0, into.length, offset, (error, count) => (error ? reject(error) : resolve(count))),
      ),
    stat: () => factsOf(fs.fstatSync(fd)),
    close: () => fs.closeSync(fd),
  };
}

function readAll(target: string, bytesMax: number): Uint8Array {
  const file = openRead(target);
  try {
    const { bytes } = file.stat();
    if (bytes > bytesMax) throw fileError("EFBIG", `${target} has ${bytes} bytes, more than ${bytesMax}`);
    const into = new Uint8Array(bytes);
    let filled = 0;
    while (filled < bytes) {
      const count = file.read(into.subarray(filled), filled);
      if (count === 0) break;
      filled += count;
    }
    return into.subarray(0, filled);
  } finally {
    file.close();
  }
}

/** If we crash before the rename, the old file stands and a `.tmp` lies beside it; after it, the new one stands. */
function writeAtomic(target: string, data: string | Uint8Array, mode: number): void {
  const temporary = `${target}.${process.pid}.tmp`;
  fs.rmSync(temporary, { force: true });
  try {
    writeSynced(temporary, data, mode, ownerAt(target));
    fs.renameSync(temporary, target);
  } catch (error) {
    fs.rmSync(temporary, { force: true });
    throw error;
  }
  syncFolder(path.dirname(target));
}

function writeNew(target: string, data: string | Uint8Array, mode: number): void {
  writeSynced(target, data, mode);
  syncFolder(path.dirname(target));
}

function writeSynced(target: string, data: string | Uint8Array, mode: number, owner?: fs.Stats): void {
  const fd = openSafely(target, O_RDWR | O_CREAT | O_EXCL, mode);
  try {
    if (owner) giveTo(fd, owner);
    fs.fchmodSync(fd, mode);
    const bytes = typeof data === "string" ? new TextEncoder().encode(data) : data;
    const count = bytes.length === 0 ? 0 : fs.writeSync(fd, bytes);
    if (count !== bytes.length) throw fileError("EIO", `short write to ${target}: ${count} of ${bytes.length} bytes`);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function truncate(target: string, bytes: number): void {
  const fd = openSafely(target, O_RDWR);
  try {
    fs.ftruncateSync(fd, bytes);
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function syncFolder(target: string): void {
  const fd = fs.openSync(target, O_RDONLY);
  try {
    fs.fsyncSync(fd);
  } finally {
    fs.closeSync(fd);
  }
}

function freeBytes(target: string): number {
  const { bavail, bsize } = fs.statfsSync(target);
  return bavail * bsize;
}
