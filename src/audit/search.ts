import type { ReadFile } from "../runtime/types.ts";
import type { Line } from "./lines.ts";
import { lineBytesMax } from "./record.ts";

/** Bytes for each read: the search is far quicker than the disk, so that system calls should be few. */
const chunkBytes = 1_048_576;

/**
 * The complete lines of a file that hold a word, in order, and no look at any other: for a dispatch of long ago this is
 * read through months. Constant memory.
 * @param word not empty, without LF
 */
export async function* linesHolding(file: ReadFile, word: string): AsyncGenerator<Pick<Line, "offset" | "bytes">> {
  const needle = new TextEncoder().encode(word);
  const skips = skipsOf(needle);
  const chunk = new Uint8Array(chunkBytes);
  const end = file.stat().bytes;
  for (let at = 0; at + needle.length <= end;) {
    const count = await file.readAsync(chunk.subarray(0, Math.min(chunk.length, end - at)), at);
    const hit = find(chunk, count, needle, skips);
    if (hit === -1) {
      // A word that the chunk's end cuts in two stands whole in the next one.
      at += Math.max(1, count - needle.length + 1);
      continue;
    }
    const line = lineAround(file, at + hit, end);
    if (!line) return;
    yield line;
    at = line.offset + line.bytes.length + 1;
  }
}

/** By its last byte, how far the needle may move on: Boyer, Moore and Horspool (1980). */
function skipsOf(needle: Uint8Array): Uint8Array {
  const skips = new Uint8Array(256).fill(Math.min(needle.length, 255));
  for (let i = 0; i < needle.length - 1; i++) skips[needle[i] as number] = Math.min(needle.length - 1 - i, 255);
  return skips;
}

function find(bytes: Uint8Array, count: number, needle: Uint8Array, skips: Uint8Array): number {
  const last = needle.length - 1;
  const end = needle[last] as number;
  for (let at = last; at < count; at += skips[bytes[at] as number] as number) {
    if (bytes[at] !== end) continue;
    let i = 1;
    while (i <= last && bytes[at - i] === needle[last - i]) i++;
    if (i > last) return at - last;
  }
  return -1;
}

/** The line that this byte is in, or a part of one that is longer than any of ours; undefined when it has no end yet. */
function lineAround(file: ReadFile, at: number, end: number): Pick<Line, "offset" | "bytes"> | undefined {
  const from = Math.max(0, at - lineBytesMax);
  const bytes = new Uint8Array(Math.min(end, at + lineBytesMax) - from);
  const used = bytes.subarray(0, file.read(bytes, from));
  const start = used.lastIndexOf(10, at - from) + 1;
  const lf = used.indexOf(10, at - from);
  if (lf === -1 && at + lineBytesMax >= end) return undefined;
  return { offset: from + start, bytes: used.subarray(start, lf === -1 ? used.length : lf) };
}
