import type { Sha256 } from "./record.ts";
import { nodeHash } from "./tree.ts";

/**
 * Inclusion and consistency proofs of RFC 6962, sections 2.1.1 and 2.1.2: which subtrees they are made of, and how they
 * are checked (RFC 9162, sections 2.1.3.2 and 2.1.4.2, has the checks spelled out).
 */

/** The leaves [from, to): a subtree whose root is one hash of a proof. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The subtrees of an inclusion proof of leaf `index` in a tree of `size` leaves, from the leaf up. */
export function inclusionSpans(index: number, size: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  let to = size;
  while (to - from > 1) {
    const middle = from + splitOf(to - from);
    const isLeft = index < middle;
    spans.push(isLeft ? { from: middle, to } : { from, to: middle });
    if (isLeft) to = middle;
    else from = middle;
  }
  return spans.toReversed();
}

/** The subtrees of a proof that the tree of `oldSize` leaves is the beginning of the tree of `size` leaves. */
export function consistencySpans(oldSize: number, size: number): Span[] {
  const spans: Span[] = [];
  let from = 0;
  let to = size;
  // Going down, the old tree ends at `oldSize`; it is a whole subtree when that is where this one ends.
  while (to !== oldSize) {
    const middle = from + splitOf(to - from);
    const isLeft = oldSize <= middle;
    spans.push(isLeft ? { from: middle, to } : { from, to: middle });
    if (isLeft) to = middle;
    else from = middle;
  }
  if (from > 0) spans.push({ from, to });
  return spans.toReversed();
}

/** Largest power of two below `size`, which is at least 2. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}

/** Root that a leaf and its inclusion proof lead to; undefined when the proof has the wrong length. */
export function rootOfInclusion(
  sha256: Sha256,
  leafHash: string,
  index: number,
  size: number,
  proof: readonly string[],
): string | undefined {
  if (index < 0 || index >= size) return undefined;
  const spans = inclusionSpans(index, size);
  if (spans.length !== proof.length) return undefined;
  let root = leafHash;
  for (const [i, { from }] of spans.entries()) {
    const sibling = proof[i] as string;
    root = from > index ? nodeHash(sha256, root, sibling) : nodeHash(sha256, sibling, root);
  }
  return root;
}

/** Whether the proof leads from the same subtrees to both roots. */
export function isConsistent(
  sha256: Sha256,
  old: { readonly size: number; readonly root: string },
  now: { readonly size: number; readonly root: string },
  proof: readonly string[],
): boolean {
  if (old.size < 1 || old.size > now.size) return false;
  if (old.size === now.size) return proof.length === 0 && old.root === now.root;
  const spans = consistencySpans(old.size, now.size);
  if (proof.length !== spans.length) return false;
  // When the old tree is one perfect subtree on the left edge, its root is known and left out of the proof.
  const hashes = [...proof];
  const isWhole = spans[0]?.from === old.size;
  const start = isWhole ? old.root : (hashes.shift() as string);
  const steps = isWhole ? spans : spans.slice(1);
  let oldRoot = start;
  let newRoot = start;
  for (const [i, { from }] of steps.entries()) {
    const hash = hashes[i] as string;
    if (from < old.size) oldRoot = nodeHash(sha256, hash, oldRoot);
    newRoot = from < old.size ? nodeHash(sha256, hash, newRoot) : nodeHash(sha256, newRoot, hash);
  }
  return oldRoot === old.root && newRoot === now.root;
}
