import type { KeyChange } from "./chain.ts";
import { keyStatement } from "./chain.ts";
import type { SigningKey } from "./key.ts";
import type { Draft } from "./record.ts";

/**
 * The record by which one key follows another, signed by both. If we crash before it is durable, the next start throws
 * the pending key away; after it, the next start finds the record and gives the key its final name.
 * @param place where the record will stand: nothing else may be chained before it
 */
export async function keyChangeDraft(
  place: Pick<KeyChange, "logId" | "seq" | "prevHash">,
  old: SigningKey,
  key: SigningKey,
): Promise<Draft> {
  const text = keyStatement({ ...place, oldKey: old.publicKey, newKey: key.publicKey });
  const [oldSignature, newSignature] = await Promise.all([old.sign(text), key.sign(text)]);
  return {
    event: "key",
    log_id: place.logId,
    public_key: key.publicKey,
    old_signature: oldSignature.toBase64(),
    new_signature: newSignature.toBase64(),
  };
}
