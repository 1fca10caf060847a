import type { Flaw } from "./frame.ts";
import type { Sha256 } from "./record.ts";

/** Signed notes (C2SP signed-note) that hold a checkpoint (C2SP tlog-checkpoint), Ed25519. */

export interface Checkpoint {
  /** `roxy-core/` and the log's id: names the log, and the key. */
  readonly origin: string;
  /** Records covered: those with a seq below it. */
  readonly size: number;
  /** Root of their tree, hex. */
  readonly root: string;
}

export interface SignedCheckpoint extends Checkpoint {
  /** The text that is signed, with its last newline. */
  readonly body: string;
  readonly signatures: readonly { readonly name: string; readonly keyId: string; readonly signature: string }[];
}

/** signed-note: the type byte of Ed25519, before the public key in the key id. */
const ed25519Type = 1;
const encoder = new TextEncoder();

/** Whether this is 32 bytes in base64, as every key is written. */
export function isPublicKey(value: unknown): value is string {
  return typeof value === "string" && /^[A-Za-z0-9+/]{43}=$/.test(value);
}

export function originOf(logId: string): string {
  return `roxy-core/${logId}`;
}

export function checkpointBody(checkpoint: Checkpoint): string {
  return `${checkpoint.origin}\n${checkpoint.size}\n${Uint8Array.fromHex(checkpoint.root).toBase64()}\n`;
}

/** signed-note, "Signatures": the first 4 bytes of SHA-256(name, LF, type, key), as hex. */
export function keyIdOf(name: string, publicKey: Uint8Array, sha256: Sha256): string {
  const named = encoder.encode(`${name}\n`);
  const input = new Uint8Array(named.length + 1 + publicKey.length);
  input.set(named);
  input[named.length] = ed25519Type;
  input.set(publicKey, named.length + 1);
  return sha256(input).slice(0, 8);
}

export function signedNote(body: string, name: string, keyId: string, signature: Uint8Array): string {
  const blob = new Uint8Array(4 + signature.length);
  blob.setFromHex(keyId);
  blob.set(signature, 4);
  return `${body}\n\u2014 ${name} ${blob.toBase64()}\n`;
}

/** Reads a note strictly: exactly our three lines, a blank one, and signature lines. Signatures are not checked here. */
export function parseNote(text: string): SignedCheckpoint | Flaw {
  const match =
    /^([^\n]+)\n(0|[1-9]\d{0,15})\n([A-Za-z0-9+/]{43}=)\n\n((?:\u2014 [^\s+]+ [A-Za-z0-9+/]+={0,2}\n)+)$/.exec(text);
  if (!match) return { flaw: "it is not a signed checkpoint" };
  const [, origin, size, root, signatures] = match as unknown as [string, string, string, string, string];
  const rootBytes = strictBase64(root);
  if (!rootBytes) return { flaw: "it is not a signed checkpoint: its root is not base64" };
  return {
    origin,
    size: Number(size),
    root: rootBytes.toHex(),
    body: `${origin}\n${size}\n${root}\n`,
    signatures: signatures.trimEnd().split("\n").flatMap(signatureOf),
  };
}

function signatureOf(line: string): SignedCheckpoint["signatures"][number][] {
  const [, name = "", base64 = ""] = line.split(" ");
  const blob = strictBase64(base64);
  return blob ? [{ name, keyId: blob.subarray(0, 4).toHex(), signature: blob.subarray(4).toBase64() }] : [];
}

/** RFC 4648 section 3.5: of all spellings of the same bytes only one counts, here as with other programs. */
function strictBase64(text: string): Uint8Array | undefined {
  try {
    return Uint8Array.fromBase64(text, { lastChunkHandling: "strict" });
  } catch {
    return undefined;
  }
}

/** Whether the note carries this key's valid signature under the log's own name. */
export async function isSignedBy(note: SignedCheckpoint, publicKey: string, sha256: Sha256): Promise<boolean> {
  if (!isPublicKey(publicKey)) return false;
  const keyId = keyIdOf(note.origin, Uint8Array.fromBase64(publicKey), sha256);
  const ours = note.signatures.find((line) => line.name === note.origin && line.keyId === keyId);
  return ours !== undefined && verifySignature(publicKey, note.body, ours.signature);
}

/** RFC 8032. Key and signature raw, in base64. False for anything malformed. */
export async function verifySignature(publicKey: string, text: string, signature: string): Promise<boolean> {
  try {
    const raw = Uint8Array.fromBase64(publicKey);
    const key = await crypto.subtle.importKey("raw", raw, "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, Uint8Array.fromBase64(signature), encoder.encode(text));
  } catch {
    return false;
  }
}
