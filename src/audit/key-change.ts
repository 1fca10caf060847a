import type { Files } from "../runtime/types.ts";
import { keyStatement } from "./chain.ts";
import type { SigningKey } from "./key.ts";
import { makeKey, pendingKeyPath } from "./key.ts";
import type { Draft } from "./record.ts";

/**
 * A new key at its pending name, and the record that both keys sign. If we crash before the record is durable, the next
 * start throws the pending key away; after it, the next start finds the record and gives the key its final name.
 */
export async function nextKey(
  deps: { files: Files; keyFile: string },
  logId: string,
  old: SigningKey,
): Promise<{ key: SigningKey; draft: Draft }> {
  const key = await makeKey(deps.files, pendingKeyPath(deps.keyFile));
  const text = keyStatement({ logId, oldKey: old.publicKey, newKey: key.publicKey });
  const [oldSignature, newSignature] = await Promise.all([old.sign(text), key.sign(text)]);
  const draft: Draft = {
    event: "key",
    log_id: logId,
    public_key: key.publicKey,
    old_signature: oldSignature.toBase64(),
    new_signature: newSignature.toBase64(),
  };
  return { key, draft };
}
