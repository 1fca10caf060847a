import type { KeyChange } from "./chain.ts";
import { keyStatement } from "./chain.ts";
import type { SignedCheckpoint } from "./note.ts";
import { isSignedBy, verifySignature } from "./note.ts";
import type { Sha256 } from "./record.ts";

/**
 * Whether a note is signed by the key that was in force at its size: one that was replaced must not vouch for anything
 * after the record that replaced it.
 * @param changes in order, those that were read
 * @param keys in force in what was read; they decide when no change was read
 */
export async function isSignedInForce(
  note: SignedCheckpoint,
  changes: readonly KeyChange[],
  keys: ReadonlySet<string>,
  sha256: Sha256,
): Promise<boolean> {
  const change = changes.findLast(({ seq }) => note.size > seq);
  const candidates = change ? [change.newKey] : changes[0] ? [changes[0].oldKey] : [...keys];
  const signed = await Promise.all(candidates.map((key) => isSignedBy(note, key, sha256)));
  return signed.includes(true);
}

/** Whether the key record is signed by both keys, for the place where it stands. */
export async function isSignedByBoth(change: KeyChange): Promise<boolean> {
  const text = keyStatement(change);
  const { oldKey, oldSignature, newKey, newSignature } = change;
  const old = await verifySignature(oldKey, text, oldSignature);
  return old && (await verifySignature(newKey, text, newSignature));
}
