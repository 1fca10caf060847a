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

/** Of every later file: enough to go on from here without reading what lies before. */
export function fileHeadDraft(identity: LogIdentity, tree: Tree): Draft {
  return {
    ...genesisDraft(identity),
    event: "checkpoint",
    reason: "new file",
    tree_size: tree.size,
    tree_root: tree.root(),
    tree_range: encodeRange(tree.range),
  };
}
