import { Fatal, exitCodes, messageOf } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import { checkFile, makeFolder, parentOf } from "./folder.ts";
import type { Checkpoint } from "./note.ts";
import { checkpointBody, isPublicKey, keyIdOf, signedNote } from "./note.ts";
import type { Sha256 } from "./record.ts";

/**
 * The key that signs checkpoints: Ed25519, PKCS #8 in PEM (so that openssl can read it), 0600, outside the log's folder.
 *
 * A new key first lies at `FILE.new`. It moves to FILE only when the log holds its record and a checkpoint: so the
 * presence of FILE means that a log was kept, and a crash in between is finished at the next start.
 */

export interface SigningKey {
  /** Raw, base64. */
  readonly publicKey: string;
  sign(text: string): Promise<Uint8Array>;
}

const keyBytesMax = 4096;
const encoder = new TextEncoder();

export const lostKeyRemedy =
  "Restore it from a copy; without it, keep the log as it is and begin a new one in another audit.dir with another checkpoint_key_file";

export function pendingKeyPath(keyFile: string): string {
  return `${keyFile}.new`;
}

/** Makes a key and writes it to a file that does not exist yet. @throws Fatal, FileError */
export async function makeKey(files: Files, path: string): Promise<SigningKey> {
  const pair = await crypto.subtle.generateKey("Ed25519", true, ["sign", "verify"]);
  const der = new Uint8Array(await crypto.subtle.exportKey("pkcs8", pair.privateKey));
  makeFolder(files, parentOf(path));
  files.writeNew(path, `-----BEGIN PRIVATE KEY-----\n${der.toBase64()}\n-----END PRIVATE KEY-----\n`, 0o600);
  return signingKey(pair.privateKey);
}

/** @throws Fatal when it is not ours alone to read, or not an Ed25519 key */
export async function loadKey(files: Files, path: string): Promise<SigningKey> {
  checkFile(files, path);
  try {
    const der = pemBody(new TextDecoder().decode(files.readAll(path, keyBytesMax)), "PRIVATE KEY");
    return await signingKey(await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]));
  } catch (error) {
    throw new Fatal(`Cannot read the key ${path}: it is not an Ed25519 private key in PEM (${messageOf(error)})`);
  }
}

async function signingKey(key: CryptoKey): Promise<SigningKey> {
  const { x } = await crypto.subtle.exportKey("jwk", key);
  const publicKey = Uint8Array.fromBase64(x as string, { alphabet: "base64url" }).toBase64();
  return {
    publicKey,
    sign: async (text) => new Uint8Array(await crypto.subtle.sign("Ed25519", key, encoder.encode(text))),
  };
}

/** The checkpoint as a signed note. */
export async function signCheckpoint(checkpoint: Checkpoint, key: SigningKey, sha256: Sha256): Promise<string> {
  const body = checkpointBody(checkpoint);
  const keyId = keyIdOf(checkpoint.origin, Uint8Array.fromBase64(key.publicKey), sha256);
  return signedNote(body, checkpoint.origin, keyId, await key.sign(body));
}

/**
 * The public key in a file, for verifying: our private key, a PEM public key, or raw base64 as the genesis record has it.
 * @returns raw, base64
 * @throws Fatal
 */
export async function readPublicKey(files: Files, path: string): Promise<string> {
  try {
    const text = new TextDecoder().decode(files.readAll(path, keyBytesMax)).trim();
    const isRaw: boolean = isPublicKey(text);
    if (isRaw) return text;
    if (text.includes("PRIVATE KEY")) {
      const der = pemBody(text, "PRIVATE KEY");
      return (await signingKey(await crypto.subtle.importKey("pkcs8", der, "Ed25519", true, ["sign"]))).publicKey;
    }
    const key = await crypto.subtle.importKey("spki", pemBody(text, "PUBLIC KEY"), "Ed25519", true, ["verify"]);
    return new Uint8Array(await crypto.subtle.exportKey("raw", key)).toBase64();
  } catch (error) {
    throw new Fatal(`Cannot read the key ${path}: expected an Ed25519 key in PEM or base64 (${messageOf(error)})`);
  }
}

function pemBody(text: string, label: string): Uint8Array<ArrayBuffer> {
  const match = new RegExp(`-----BEGIN ${label}-----([A-Za-z0-9+/=\\s]+)-----END ${label}-----`).exec(text);
  if (!match) throw new RangeError(`no ${label} block`);
  return Uint8Array.fromBase64((match[1] as string).replaceAll(/\s/g, ""));
}

/** The key of a new log, at its pending name: one that an earlier start left there unused, or a new one. */
export async function firstKey(files: Files, keyFile: string): Promise<SigningKey> {
  const left = await pendingKey(files, keyFile);
  if (left) return left;
  dropPendingKey(files, keyFile);
  return makeKey(files, pendingKeyPath(keyFile));
}

/** The key at its pending name, when a whole one is there. @throws Fatal when it is a symlink or another user's */
async function pendingKey(files: Files, keyFile: string): Promise<SigningKey | undefined> {
  const path = pendingKeyPath(keyFile);
  if (!files.stat(path)) return undefined;
  checkFile(files, path);
  return loadKey(files, path).catch(() => undefined);
}

/** A pending key that is half written, or whose record never became durable: it has signed nothing. */
export function dropPendingKey(files: Files, keyFile: string): void {
  const path = pendingKeyPath(keyFile);
  if (files.stat(path)) files.unlink(path);
}

/**
 * The private key for the public key that the log names, wherever a crash left it. Changes nothing.
 * @throws Fatal: exit code 1 when there is none, 4 when it is another log's
 */
export async function currentKey(
  files: Files,
  keyFile: string,
  publicKey: string,
): Promise<{ key: SigningKey; isPending: boolean }> {
  const pending = await pendingKey(files, keyFile);
  if (pending?.publicKey === publicKey) return { key: pending, isPending: true };
  if (!files.stat(keyFile)) {
    throw new Fatal(`Cannot sign the audit log: its key ${keyFile} is missing. ${lostKeyRemedy}`);
  }
  const key = await loadKey(files, keyFile);
  if (key.publicKey === publicKey) return { key, isPending: false };
  throw new Fatal(
    `Cannot sign the audit log: ${keyFile} is another log's key (${key.publicKey}); this log's is ${publicKey}. Put that one there`,
    exitCodes.integrity,
  );
}

/** Gives the pending key its final name. If we crash before the rename is durable, the next start does it again. */
export function installKey(files: Files, keyFile: string): void {
  files.rename(pendingKeyPath(keyFile), keyFile);
  files.syncFolder(parentOf(keyFile));
}
