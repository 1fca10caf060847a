import type { Sha256 } from "./record.ts";

/**
 * The Merkle tree of RFC 6962, section 2.1, over the log's lines, kept as a compact range: the roots of the perfect
 * subtrees that make up the tree, largest first; one for each 1 bit of the size. Appending needs nothing else.
 */

/** 0x01 and two child hashes: the input of an inner node. One buffer, because hashing is synchronous. */
const nodeInput = new Uint8Array(65);
nodeInput[0] = 1;
const leftInput = nodeInput.subarray(1, 33);
const rightInput = nodeInput.subarray(33);

/** Hash of two subtrees, as hex. */
export function nodeHash(sha256: Sha256, left: string, right: string): string {
  leftInput.setFromHex(left);
  rightInput.setFromHex(right);
  return sha256(nodeInput);
}

/** A compact range and the size that it is of. */
export interface TreeHead {
  readonly size: number;
  readonly range: readonly string[];
}

export class Tree {
  readonly #sha256: Sha256;
  #size: number;
  #range: string[];

  /** @param range hashes as {@link range} gave them for this size */
  constructor(sha256: Sha256, size = 0, range: readonly string[] = []) {
    if (range.length !== onesIn(size))
      throw new RangeError(`Cannot restore a tree: ${range.length} hashes for size ${size}`);
    this.#sha256 = sha256;
    this.#size = size;
    this.#range = [...range];
  }

  get size(): number {
    return this.#size;
  }

  /** At most 53 hashes, largest subtree first. */
  get range(): readonly string[] {
    return this.#range.slice();
  }

  /** @param leaf 0x00 and the line without its LF; hashed here */
  append(leaf: Uint8Array): void {
    this.appendHash(this.#sha256(leaf));
  }

  /** @param leafHash hex */
  appendHash(leafHash: string): void {
    let hash = leafHash;
    for (let rest = this.#size; rest % 2 === 1; rest = Math.floor(rest / 2)) {
      hash = nodeHash(this.#sha256, this.#range.pop() as string, hash);
    }
    this.#range.push(hash);
    this.#size++;
  }

  /** Root as hex; of no leaves, the hash of nothing. */
  root(): string {
    return rootOf(this.#sha256, this.#range);
  }

  /** This moment's tree, which later leaves do not change. */
  get head(): TreeHead {
    return { size: this.#size, range: this.range };
  }
}

/** Root of a compact range: the subtrees joined from the smallest to the largest. */
export function rootOf(sha256: Sha256, range: readonly string[]): string {
  const last = range.at(-1);
  if (last === undefined) return sha256("");
  let root = last;
  for (let i = range.length - 2; i >= 0; i--) root = nodeHash(sha256, range[i] as string, root);
  return root;
}

function onesIn(size: number): number {
  let ones = 0;
  for (let rest = size; rest > 0; rest = Math.floor(rest / 2)) ones += rest % 2;
  return ones;
}

/** The range as one string for a record: hex hashes, separated by spaces. */
export function encodeRange(range: readonly string[]): string {
  return range.join(" ");
}

/** @throws RangeError when the text is not hashes */
export function decodeRange(text: string): string[] {
  const range = text === "" ? [] : text.split(" ");
  if (!range.every((hash) => /^[0-9a-f]{64}$/.test(hash))) throw new RangeError("Cannot read a tree range: not hashes");
  return range;
}
