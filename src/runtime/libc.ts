import type { FFIFunction } from "bun:ffi";
import { dlopen, FFIType } from "bun:ffi";

/** What Bun does not offer of the C library, each loaded when it is first asked for. */

const LOCK_EXCLUSIVE_NOW = 2 | 4; // LOCK_EX | LOCK_NB, the same numbers on Linux and macOS
const POLLIN = 1; // on both, too; an end and an error are told unasked

type Call = (...args: (number | Int32Array)[]) => number;

let flock: Call | undefined;

/** flock(2): whether the descriptor now holds the lock. The kernel drops it when the process ends, however it ends. */
export function lockNow(fd: number): boolean {
  flock ??= load("flock", { args: [FFIType.i32, FFIType.i32], returns: FFIType.i32 });
  return flock(fd, LOCK_EXCLUSIVE_NOW) === 0;
}

let poll: Call | undefined;
/** One `struct pollfd`: the descriptor, and in two halves what is asked and what is told. */
const polled = new Int32Array(new ArrayBuffer(8));

/**
 * poll(2): nothing has come in on this socket that the loop has not read yet, neither bytes nor an end nor an error. It costs
 * a microsecond, and sees what only a turn of the loop would show.
 */
export function isQuiet(fd: number): boolean {
  poll ??= load("poll", { args: [FFIType.ptr, FFIType.u64, FFIType.i32], returns: FFIType.i32 });
  polled[0] = fd;
  polled[1] = POLLIN;
  // The array itself, and not its address, which the engine may change. A descriptor that is none would be passed over.
  return fd >= 0 && poll(polled, 1, 0) === 0;
}

/** @throws Error when there is no C library that has it */
function load(name: string, type: FFIFunction): Call {
  const libraries =
    process.platform === "darwin"
      ? ["libSystem.B.dylib"]
      : ["libc.so.6", `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`];
  for (const library of libraries) {
    try {
      return dlopen(library, { [name]: type }).symbols[name] as unknown as Call;
    } catch {
      // The other C library's name, then.
    }
  }
  throw new Error(`No C library with ${name} was found`);
}
