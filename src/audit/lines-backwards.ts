import type { ReadFile } from "../runtime/types.ts";
import type { Line } from "./lines.ts";
import { lineBytesMax } from "./record.ts";

const chunkBytes = 65_536;

/**
 * The complete lines before `to`, batch by batch from the end of the file to its start; inside a batch they stand in
 * the file's order. Bytes after the last LF are left out; what is longer than any line of ours is the last one.
 * Constant memory: the newest page of a large file costs one read.
 */
export async function* linesBackwards(file: ReadFile, to: number): AsyncGenerator<Pick<Line, "offset" | "bytes">[]> {
  let end = to;
  let carry: Uint8Array = new Uint8Array();
  let isTail = true;
  while (end > 0 && carry.length <= lineBytesMax) {
    const start = Math.max(0, end - chunkBytes);
    const bytes = new Uint8Array(end - start + carry.length);
    const count = await file.readAsync(bytes.subarray(0, end - start), start);
    if (count < end - start) return;
    bytes.set(carry, end - start);
    let used = bytes;
    if (isTail) {
      const lastLf = bytes.lastIndexOf(10);
      used = bytes.subarray(0, lastLf + 1);
      isTail = lastLf === -1;
    }
    // The part before the first LF belongs to a line that begins in an earlier chunk, unless the file begins here.
    const first = start === 0 ? 0 : used.indexOf(10) + 1;
    if (!isTail) yield split(used, first, start);
    carry = isTail ? new Uint8Array() : used.slice(0, first);
    end = start;
  }
  if (end > 0) yield [{ offset: end, bytes: carry }];
}

function split(bytes: Uint8Array, from: number, base: number): Pick<Line, "offset" | "bytes">[] {
  const lines = [];
  let start = from;
  for (let lf = bytes.indexOf(10, from); lf !== -1; lf = bytes.indexOf(10, start)) {
    lines.push({ offset: base + start, bytes: bytes.subarray(start, lf) });
    start = lf + 1;
  }
  return lines;
}
