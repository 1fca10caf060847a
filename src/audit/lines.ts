import type { ReadFile } from "../runtime/types.ts";
import { lineBytesMax } from "./record.ts";

/** Bytes for each read: large enough that the system call does not matter, small enough to stay in the CPU's cache. */
const chunkBytes = 262_144;

export interface Line {
  /** Bytes from the file's start. */
  readonly offset: number;
  /** Without its LF. Only valid until the next batch is asked for. */
  readonly bytes: Uint8Array;
  /** 0x00 and the line: the tree's leaf, without copying. */
  readonly leaf: Uint8Array;
}

/** The end of a file that has no LF: a torn write, or a write going on. */
export interface Rest {
  readonly offset: number;
  readonly bytes: number;
}

/**
 * Splits a file into lines, batch by batch, in constant memory. What is longer than any line of ours, wherever it may end,
 * is the last one: no framing takes it, so that nobody who reads on loses what stands behind it unseen.
 * @param from offset of a line's start
 * @param to reads no further than this; a live file may grow meanwhile
 * @returns by the generator's return value: what is left after the last LF
 */
export async function* linesOf(file: ReadFile, from: number, to: number): AsyncGenerator<Line[], Rest> {
  // One byte of room at the front: every line, the first too, has a byte before it that becomes the leaf's 0x00.
  const buffer = new Uint8Array(1 + Math.min(lineBytesMax + chunkBytes, to - from));
  let filled = 1;
  let offset = from;
  while (offset + filled - 1 < to) {
    const room = buffer.subarray(filled, Math.min(filled + chunkBytes, filled + to - (offset + filled - 1)));
    const count = await file.readAsync(room, offset + filled - 1);
    if (count === 0) break;
    const { lines, end } = split(buffer, filled + count, filled, offset);
    if (lines.length > 0) yield lines;
    buffer.copyWithin(1, end, filled + count);
    offset += end - 1;
    filled = 1 + filled + count - end;
    if (filled - 1 >= lineBytesMax) {
      yield [{ offset, bytes: buffer.subarray(1, filled), leaf: buffer.subarray(0, filled) }];
      break;
    }
  }
  return { offset, bytes: Math.max(0, to - offset) };
}

/** Lines in buffer[1..filled); the bytes before `searched` are known to hold no LF. `end` is the first byte of the rest. */
function split(buffer: Uint8Array, filled: number, searched: number, offset: number): { lines: Line[]; end: number } {
  const lines: Line[] = [];
  const used = buffer.subarray(0, filled);
  let start = 1;
  for (let lf = used.indexOf(10, searched); lf !== -1; lf = used.indexOf(10, lf + 1)) {
    buffer[start - 1] = 0;
    lines.push({ offset: offset + start - 1, bytes: used.subarray(start, lf), leaf: used.subarray(start - 1, lf) });
    start = lf + 1;
  }
  return { lines, end: start };
}
