import { verifySignature } from "./note.ts";
import type { StoredRecord } from "./record.ts";

/**
 * What a `prune` record says is gone, signed by the log's key: the one excuse for missing records. Whoever can write the
 * log, but not sign, can't make one, nor have it covered by the next checkpoint.
 */
export interface Pruned {
  readonly logId: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** Hash of the last record that went. */
  readonly lastHash: string;
  /** Root of the tree of all records up to and with that one, hex. */
  readonly root: string;
}

export interface SignedPruned extends Pruned {
  /** Ed25519, raw, base64. */
  readonly signature: string;
}

/** What is signed. */
export function pruneStatement({ logId, firstSeq, lastSeq, lastHash, root }: Pruned): string {
  return `roxy-core audit prune\n${logId}\n${firstSeq}\n${lastSeq}\n${lastHash}\n${root}\n`;
}

/** @param publicKey the key in force where the record stands */
export function isSignedPrune(pruned: SignedPruned, publicKey: string): Promise<boolean> {
  return verifySignature(publicKey, pruneStatement(pruned), pruned.signature);
}

/** Undefined when the record does not say what it must. */
export function prunedBy(record: StoredRecord, logId: string): SignedPruned | undefined {
  const { seq, first_seq: firstSeq, last_seq: lastSeq, last_hash: lastHash, tree_root: root, signature } = record;
  if (firstSeq === undefined || lastSeq === undefined || lastHash === undefined || root === undefined) return undefined;
  if (signature === undefined || firstSeq > lastSeq || lastSeq >= seq) return undefined;
  return { logId, firstSeq, lastSeq, lastHash, root, signature };
}
