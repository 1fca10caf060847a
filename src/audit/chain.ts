import { beginsWithout } from "./first-record.ts";
import type { Frame, Flaw } from "./frame.ts";
import { frameLine, isFlaw, linkFlaw, recordOf } from "./frame.ts";
import type { Line } from "./lines.ts";
import type { Sha256, StoredRecord } from "./record.ts";
import { zeroHash } from "./record.ts";
import { isPublicKey } from "./note.ts";
import type { SignedPruned } from "./pruned.ts";
import { prunedBy } from "./pruned.ts";
import { Tree, decodeRange } from "./tree.ts";

/**
 * A walk along the chain, line by line: what recovery, verification and pruning have in common. It checks each line
 * against itself, against the line before, and against what the log says about itself (its id, keys and tree).
 */

/** A key record, whose two signatures are still to be checked (that is asynchronous, this walk is not). */
export interface KeyChange {
  readonly logId: string;
  readonly seq: number;
  readonly prevHash: string;
  readonly oldKey: string;
  readonly newKey: string;
  readonly oldSignature: string;
  readonly newSignature: string;
}

/** The events whose content matters for the walk; all others are only framed and linked. */
const telling: ReadonlySet<string> = new Set(["genesis", "checkpoint", "key", "prune"]);

export class Chain {
  readonly #sha256: Sha256;
  readonly tree: Tree;
  readonly logId: string;
  /** Ed25519, raw, base64: the key that signs from here on. */
  publicKey: string;
  /** The last record taken; before the first one, the place it must follow. */
  seq: number;
  hash: string;
  readonly keyChanges: KeyChange[] = [];
  /** The newest prune record that was taken; its signature is still to be checked, too. */
  pruned: SignedPruned | undefined;
  /** The first record that is not pruned; undefined until a log that an earlier version began says it. */
  firstSeq: number | undefined;

  private constructor(sha256: Sha256, tree: Tree, head: StoredRecord) {
    this.#sha256 = sha256;
    this.tree = tree;
    this.logId = head.log_id ?? "";
    this.publicKey = head.public_key ?? "";
    this.seq = head.seq - 1;
    this.hash = head.prev_hash;
    this.firstSeq = firstSeqIn(head);
  }

  /** Begins before the first record of a file, from what that record says; {@link take} it next. */
  static from(head: StoredRecord, sha256: Sha256): Chain | Flaw {
    const flaw = headFlaw(head);
    if (flaw !== undefined) return { flaw };
    try {
      return new Chain(sha256, new Tree(sha256, head.seq, decodeRange(head.tree_range ?? "")), head);
    } catch {
      return { flaw: `the tree in the first record does not fit its seq ${head.seq}` };
    }
  }

  /** Checks the next line and moves on to it. After a flaw the walk stands where it was. */
  take(line: Line): Frame | Flaw {
    const frame = frameLine(line.bytes, this.#sha256);
    if (isFlaw(frame)) return frame;
    const flaw = linkFlaw(frame, { seq: this.seq + 1, prevHash: this.hash }) ?? this.#heed(frame, line);
    if (flaw !== undefined) return { flaw };
    this.tree.append(line.leaf);
    this.seq = frame.seq;
    this.hash = frame.hash;
    return frame;
  }

  #heed(frame: Frame, line: Line): string | undefined {
    if (!telling.has(frame.event)) return undefined;
    const record = recordOf(line.bytes, frame);
    if (isFlaw(record)) return record.flaw;
    if (record.event === "genesis") return headFlaw(record);
    if (record.event === "prune") return this.#prune(record);
    return record.event === "key" ? this.#changeKey(record) : this.#compareHead(record);
  }

  /** The first record of a later file repeats what the walk has found out by itself. */
  #compareHead(record: StoredRecord): string | undefined {
    if (record.log_id !== this.logId) return `the record belongs to another log, ${record.log_id}`;
    if (record.public_key !== this.publicKey) return "the record names another key than the one in force";
    if (record.tree_size !== this.tree.size)
      return `the record says tree size ${record.tree_size}, it is ${this.tree.size}`;
    const root = this.tree.root();
    if (record.tree_root !== root) return `the record says tree root ${record.tree_root}, it is ${root}`;
    this.firstSeq ??= record.first_seq;
    if (record.first_seq === undefined || record.first_seq === this.firstSeq) return undefined;
    return `the record says that the log begins with seq ${record.first_seq}, but it begins with ${this.firstSeq}`;
  }

  /** Nothing may be missing between what was pruned before and this. */
  #prune(record: StoredRecord): string | undefined {
    const pruned = prunedBy(record, this.logId);
    if (!pruned) return "the prune record lacks what went, or its signature";
    if (this.firstSeq !== undefined && pruned.firstSeq > this.firstSeq)
      return `the prune record begins with seq ${pruned.firstSeq}, but the log with ${this.firstSeq}`;
    this.pruned = pruned;
    this.firstSeq = Math.max(this.firstSeq ?? 0, pruned.lastSeq + 1);
    return undefined;
  }

  #changeKey(record: StoredRecord): string | undefined {
    const { public_key: newKey, old_signature: oldSignature, new_signature: newSignature } = record;
    if (!isPublicKey(newKey) || !oldSignature || !newSignature) return "the key record lacks its key or signatures";
    if (record.log_id !== this.logId) return `the record belongs to another log, ${record.log_id}`;
    this.keyChanges.push({
      logId: this.logId,
      seq: record.seq,
      prevHash: record.prev_hash,
      oldKey: this.publicKey,
      newKey,
      oldSignature,
      newSignature,
    });
    this.publicKey = newKey;
    return undefined;
  }
}

/** What the first record of a file says of where the log begins. */
function firstSeqIn(head: StoredRecord): number | undefined {
  return head.event === "genesis" ? 0 : head.first_seq;
}

/** What is wrong with the first record of a file; undefined when it can begin a walk. */
export function headFlaw(head: StoredRecord): string | undefined {
  if (typeof head.log_id !== "string" || head.log_id === "") return "the first record of the file lacks its log_id";
  if (!isPublicKey(head.public_key)) return "the first record of the file names no Ed25519 public key";
  if (head.event === "genesis") {
    return head.seq === 0 && head.prev_hash === zeroHash ? undefined : "a genesis record in the middle of the log";
  }
  if (head.event === "checkpoint" && head.seq > 0 && head.tree_size === head.seq) return undefined;
  return beginsWithout(head.event);
}

/** What both keys sign when one follows the other: bound to its one place in the log, so that it holds nowhere else. */
export function keyStatement(change: Omit<KeyChange, "oldSignature" | "newSignature">): string {
  const { logId, seq, prevHash, oldKey, newKey } = change;
  return `roxy-core audit key change\n${logId}\n${seq}\n${prevHash}\n${oldKey}\n${newKey}\n`;
}
