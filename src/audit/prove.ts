import { counted } from "../lib/counted.ts";
import { Problem } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import type { Flaw } from "./frame.ts";
import { isFlaw } from "./frame.ts";
import { linesOf } from "./lines.ts";
import type { SignedCheckpoint } from "./note.ts";
import type { Span } from "./proof.ts";
import { consistencySpans, inclusionSpans } from "./proof.ts";
import type { Sha256, StoredRecord } from "./record.ts";
import type { Segment } from "./segments.ts";
import { headOf, openSegment, segments } from "./segments.ts";
import { Tree, decodeRange } from "./tree.ts";

/**
 * Builds proofs from the files. Each file begins with the tree so far, so that a subtree costs at most one file of
 * hashing, however long the log is; and what was pruned is still there as hashes.
 */

export class Prover {
  readonly #files: Files;
  readonly #dir: string;
  readonly #sha256: Sha256;
  readonly #segments: readonly { segment: Segment; range: readonly string[] }[];
  /** Leaf hashes of the file that was read last: a proof's small subtrees all lie in one. */
  #cached: { segment: Segment; from: number; hashes: readonly string[] } | undefined;

  constructor(files: Files, dir: string, sha256: Sha256) {
    this.#files = files;
    this.#dir = dir;
    this.#sha256 = sha256;
    this.#segments = segments(files, dir, sha256).map((segment) => ({
      segment,
      range: rangeBefore(segment, headOf(files, dir, sha256, segment)),
    }));
  }

  /** @throws Problem `not_found` when the record was pruned or lies beyond the checkpoint */
  async inclusion(index: number, { size }: Pick<SignedCheckpoint, "size">): Promise<string[]> {
    const first = this.#segments[0]?.segment.firstSeq ?? 0;
    if (index < first) throw new Problem("not_found", `Cannot prove seq ${index}: the log begins with seq ${first}`);
    if (index >= size)
      throw new Problem(
        "not_found",
        `Cannot prove seq ${index}: the newest checkpoint covers ${counted(size, "record")}. A running server signs the rest ` +
          "within 60 s; GET /api/orchestrator/audit/{audit_id}/proof makes it sign at once",
      );
    return this.#roots(inclusionSpans(index, size));
  }

  /** Proof that the tree of `oldSize` leaves is the beginning of the one of `size`. */
  async consistency(oldSize: number, size: number): Promise<string[]> {
    if (oldSize < 1 || oldSize >= size) return [];
    return this.#roots(consistencySpans(oldSize, size));
  }

  async #roots(spans: readonly Span[]): Promise<string[]> {
    const roots: string[] = [];
    for (const span of spans) roots.push(await this.#root(span));
    return roots;
  }

  /**
   * Root of an aligned subtree: what the newest file head inside it says about its beginning, then leaf by leaf. A head
   * at N lists the subtrees of [0, N); with N inside an aligned span, those from `from` on are the span's own.
   */
  async #root({ from, to }: Span): Promise<string> {
    const at = this.#segments.findLastIndex(({ segment }) => segment.firstSeq < to);
    const start = this.#segments[at];
    if (!start) return this.#prunedRoot({ from, to });
    const { firstSeq } = start.segment;
    if (firstSeq <= from) return this.#rootOfLeaves(new Tree(this.#sha256), from, to);
    const range = atoms(start.range, firstSeq).filter((atom) => atom.from >= from);
    const tree = new Tree(
      this.#sha256,
      firstSeq - from,
      range.map(({ hash }) => hash),
    );
    return this.#rootOfLeaves(tree, firstSeq, to);
  }

  /** A subtree before the first file: a sibling on the way to a record that is still here, so the first head lists it. */
  #prunedRoot(span: Span): string {
    const first = this.#segments[0];
    const listed = first && atoms(first.range, first.segment.firstSeq);
    const atom = listed?.find(({ from, to }) => from === span.from && to === span.to);
    if (!atom) throw new Problem("not_found", `Cannot make the proof: the records from seq ${span.from} were pruned`);
    return atom.hash;
  }

  async #rootOfLeaves(tree: Tree, from: number, to: number): Promise<string> {
    for (let seq = from; seq < to;) {
      const { from: first, hashes } = await this.#leaves(seq);
      const end = Math.min(to, first + hashes.length);
      if (end <= seq) throw new Problem("not_found", `Cannot make the proof: the record with seq ${seq} is not there`);
      for (; seq < end; seq++) tree.appendHash(hashes[seq - first] as string);
    }
    return tree.root();
  }

  async #leaves(seq: number): Promise<{ from: number; hashes: readonly string[] }> {
    const entry = this.#segments.findLast(({ segment }) => segment.firstSeq <= seq);
    if (!entry) throw new Problem("not_found", `Cannot make the proof: seq ${seq} was pruned`);
    if (this.#cached?.segment === entry.segment) return this.#cached;
    // The server may close the file meanwhile: it is found under its new name.
    const file = openSegment(this.#files, this.#dir, this.#sha256, entry.segment)?.file;
    if (!file) throw new Problem("not_found", `Cannot make the proof: seq ${seq} was pruned`);
    const hashes: string[] = [];
    try {
      for await (const lines of linesOf(file, 0, file.stat().bytes)) {
        for (const { leaf } of lines) hashes.push(this.#sha256(leaf));
      }
    } finally {
      file.close();
    }
    this.#cached = { segment: entry.segment, from: entry.segment.firstSeq, hashes };
    return this.#cached;
  }
}

function rangeBefore(segment: Segment, head: StoredRecord | Flaw | undefined): string[] {
  if (!head || isFlaw(head)) throw new Problem("not_found", `Cannot make the proof: ${segment.path} is damaged`);
  return decodeRange(head.tree_range ?? "");
}

/** The perfect subtrees that a compact range is made of, with their places. */
function atoms(range: readonly string[], size: number): (Span & { readonly hash: string })[] {
  let from = 0;
  return range.map((hash) => {
    const to = from + 2 ** Math.floor(Math.log2(size - from));
    const atom = { from, to, hash };
    from = to;
    return atom;
  });
}
