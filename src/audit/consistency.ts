import { exitCodes, Fatal } from "../lib/errors.ts";
import { counted } from "../lib/counted.ts";
import { checkpointName, pathIn } from "./folder.ts";
import type { Flaw } from "./frame.ts";
import { isFlaw } from "./frame.ts";
import type { SignedCheckpoint } from "./note.ts";
import { isSignedBy, parseNote } from "./note.ts";
import { isConsistent } from "./proof.ts";
import type { LogFiles } from "./proof-file.ts";
import { newestCheckpoint } from "./proof-file.ts";
import { Prover } from "./prove.ts";
import type { Sha256 } from "./record.ts";

/**
 * A consistency proof: the log that a checkpoint was kept of has only grown since. It shows no record, and has the form
 * in which witnesses take it (C2SP tlog-witness, add-checkpoint): `old SIZE`, the hashes, a blank line, the newest
 * checkpoint.
 */

/** @throws Problem `not_found` when there is nothing to make it of; Fatal (exit code 4) when the log did not only grow */
export async function makeConsistencyProof(
  deps: LogFiles,
  publicKey: string,
  since: SignedCheckpoint,
): Promise<string> {
  const path = pathIn(deps.dir, checkpointName);
  const prove = async (): Promise<string> => {
    const { note, text } = await newestCheckpoint(deps, publicKey);
    const differs = difference(since, note);
    if (differs !== undefined) throw new Fatal(`Cannot prove anything: ${path}: ${differs}`, exitCodes.integrity);
    const hashes = await new Prover(deps.files, deps.dir, deps.sha256).consistency(since.size, note.size);
    // What is handed out was checked as its taker will check it.
    if (!isConsistent(deps.sha256, since, note, hashes)) throw inconsistent(path, since);
    const lines = hashes.map((hash) => `${Uint8Array.fromHex(hash).toBase64()}\n`).join("");
    return `old ${since.size}\n${lines}\n${text}`;
  };
  // A server that prunes meanwhile takes files away that the proof was begun with; those that are left tell the same.
  return prove().catch(prove);
}

function inconsistent(path: string, since: SignedCheckpoint): Fatal {
  const what = `${path} does not go on from the given checkpoint of ${counted(since.size, "record")}`;
  const why = "Records were changed since, or the given one is not of this log";
  return new Fatal(`${what}. ${why}: run \`roxy-core audit verify --checkpoint\` with it`, exitCodes.integrity);
}

/** @returns the newer checkpoint, or why the proof does not hold */
export async function checkConsistencyProof(
  text: string,
  sha256: Sha256,
  publicKey: string,
  since: SignedCheckpoint,
): Promise<SignedCheckpoint | Flaw> {
  const match = /^old (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n){0,63})\n([^]*)$/.exec(text);
  if (!match) return { flaw: "it is not a consistency proof" };
  const [, old, hashes, checkpoint] = match as unknown as [string, string, string, string];
  const note = parseNote(checkpoint);
  if (isFlaw(note)) return { flaw: `its checkpoint: ${note.flaw}` };
  if (!(await isSignedBy(note, publicKey, sha256))) return { flaw: "the checkpoint is not signed with the key" };
  const differs = difference(since, note);
  if (differs !== undefined) return { flaw: differs };
  if (Number(old) !== since.size) {
    return { flaw: `the proof goes on from ${counted(Number(old), "record")}, the given checkpoint has ${since.size}` };
  }
  const proof = hashes
    .split("\n")
    .filter(Boolean)
    .map((hash) => Uint8Array.fromBase64(hash).toHex());
  if (isConsistent(sha256, since, note, proof)) return note;
  return { flaw: "the tree that was signed does not begin with that of the given checkpoint" };
}

/** What keeps one checkpoint from being an older one of the same log, whatever the records are. */
function difference(since: SignedCheckpoint, now: SignedCheckpoint): string | undefined {
  if (since.origin !== now.origin) return `it is of the log ${now.origin}, the given checkpoint of ${since.origin}`;
  if (since.size < 1) return "the given checkpoint covers no record";
  if (since.size > now.size) {
    return `it covers ${counted(now.size, "record")}, the given checkpoint ${since.size}: the end was cut off`;
  }
  return undefined;
}
