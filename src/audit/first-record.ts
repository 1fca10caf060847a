import type { AuditEvent } from "../wire/audit.ts";
import type { Draft } from "./record.ts";
import type { Tree } from "./tree.ts";
import { encodeRange } from "./tree.ts";

/** The first record of a file: what a reader must know before it can begin there. */

export interface LogIdentity {
  readonly logId: string;
  readonly version: string;
  /** The key in force, raw, base64. */
  readonly publicKey: string;
}

/** Of the first file: the log itself begins. */
export function genesisDraft({ logId, version, publicKey }: LogIdentity): Draft {
  return { event: "genesis", log_id: logId, version, public_key: publicKey };
}

/**
 * Of every later file: enough to go on from here without reading what lies before.
 * @param firstSeq the first record that is not pruned
 */
export function fileHeadDraft(identity: LogIdentity, tree: Tree, firstSeq: number): Draft {
  return {
    ...genesisDraft(identity),
    event: "checkpoint",
    reason: "new file",
    first_seq: firstSeq,
    tree_size: tree.size,
    tree_root: tree.root(),
    tree_range: encodeRange(tree.range),
  };
}

/** Whether a file may begin with it: from there on it can be gone on with and proven without those before it. */
export function beginsFile(event: AuditEvent): boolean {
  return event === "genesis" || event === "checkpoint";
}

export function beginsWithout(event: AuditEvent): string {
  return `the file begins with the event "${event}", not with genesis or checkpoint`;
}
