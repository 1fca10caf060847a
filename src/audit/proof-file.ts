import type { Files } from "../runtime/types.ts";
import type { Flaw } from "./frame.ts";
import { decodeLine, isFlaw } from "./frame.ts";
import type { NoteFile } from "./note-file.ts";
import { readNoteFile } from "./note-file.ts";
import { isPublicKey, isSignedBy, parseNote } from "./note.ts";
import { checkpointName, pathIn } from "./folder.ts";
import { Fatal, Problem, exitCodes } from "../lib/errors.ts";
import { rootOfInclusion } from "./proof.ts";
import { Prover } from "./prove.ts";
import type { Sha256, StoredRecord } from "./record.ts";

/**
 * A proof file: the records of one dispatch, each with its C2SP tlog-proof, and the key. It can be checked anywhere,
 * without the log: `roxy-core audit check-proof`, or a few lines of any language.
 */

export interface ProofFile {
  readonly format: "roxy-core/audit-proof@1";
  readonly audit_id: string;
  /** The signing key, raw, base64; whoever checks should know it from elsewhere. */
  readonly public_key: string;
  readonly records: readonly {
    /** The stored line without its LF. */
    readonly line: string;
    /** C2SP tlog-proof: index, inclusion proof, and the checkpoint. */
    readonly proof: string;
  }[];
}

const format = "roxy-core/audit-proof@1";
const encoder = new TextEncoder();

/** @param lines the stored lines to prove. @throws Problem `not_found`; Fatal (exit code 4) when the log was changed */
export async function makeProofFile(
  deps: LogFiles,
  auditId: string,
  publicKey: string,
  lines: readonly { readonly seq: number; readonly line: string }[],
): Promise<ProofFile> {
  const prove = async (): Promise<ProofFile> => {
    const records = await proveLines(deps, publicKey, lines);
    return { format, audit_id: auditId, public_key: publicKey, records };
  };
  // A server that prunes meanwhile takes files away that the proof was begun with; those that are left tell the same.
  return prove().catch(prove);
}

export interface LogFiles {
  readonly files: Files;
  readonly dir: string;
  readonly sha256: Sha256;
}

async function proveLines(
  deps: LogFiles,
  publicKey: string,
  lines: readonly { readonly seq: number; readonly line: string }[],
): Promise<ProofFile["records"]> {
  const { note, text, path } = await newestCheckpoint(deps, publicKey);
  const prover = new Prover(deps.files, deps.dir, deps.sha256);
  const records = [];
  for (const { seq, line } of lines) {
    const hashes = await prover.inclusion(seq, note);
    const root = rootOfInclusion(deps.sha256, deps.sha256(`\0${line}`), seq, note.size, hashes);
    if (root !== note.root) throw unprovable(path, seq);
    records.push({ line, proof: tlogProof(seq, hashes, text) });
  }
  return records;
}

/** @throws Problem `not_found` when there is none; Fatal (exit code 4) when another key has signed it */
export async function newestCheckpoint(deps: LogFiles, publicKey: string): Promise<NoteFile> {
  const path = pathIn(deps.dir, checkpointName);
  const found = readNoteFile(deps.files, deps.dir);
  if (!found) throw new Problem("not_found", `Cannot prove anything: the checkpoint ${path} is missing`);
  if (isFlaw(found)) throw new Problem("not_found", `Cannot prove anything: ${path}: ${found.flaw}`);
  if (!(await isSignedBy(found.note, publicKey, deps.sha256))) throw notByKey(path);
  return found;
}

function notByKey(path: string): Fatal {
  const what = `Cannot prove anything: ${path} is not signed with the log's newest key`;
  const remedy = "If a key change was cut short, the next start finishes it; else run `roxy-core audit verify`";
  return new Fatal(`${what}. ${remedy}`, exitCodes.integrity);
}

/** What is handed out was checked as its taker will check it. */
function unprovable(path: string, seq: number): Fatal {
  const what = `Cannot prove seq ${seq}: the log's records are not those that ${path} is signed over`;
  return new Fatal(`${what}. Run \`roxy-core audit verify\``, exitCodes.integrity);
}

/** C2SP tlog-proof, version 1. */
function tlogProof(index: number, hashes: readonly string[], note: string): string {
  const lines = hashes.map((hash) => `${Uint8Array.fromHex(hash).toBase64()}\n`).join("");
  return `c2sp.org/tlog-proof@v1\nindex ${index}\n${lines}\n${note}`;
}

export interface ProofVerdict {
  readonly records: readonly StoredRecord[];
  readonly origin: string;
  readonly size: number;
  readonly root: string;
}

/**
 * Checks a proof file against a key.
 * @param publicKey raw, base64; without it the file's own word is taken
 */
export async function checkProofFile(text: string, sha256: Sha256, publicKey?: string): Promise<ProofVerdict | Flaw> {
  const file = parseProofFile(text);
  if (isFlaw(file)) return file;
  if (publicKey !== undefined && publicKey !== file.public_key) {
    return { flaw: `the proof is made with the key ${file.public_key}, not with the given one` };
  }
  const records: StoredRecord[] = [];
  let verdict: Omit<ProofVerdict, "records"> | undefined;
  for (const { line, proof } of file.records) {
    const record = decodeLine(encoder.encode(line), sha256);
    if (isFlaw(record)) return record;
    if (record.audit_id !== file.audit_id)
      return { flaw: `the record with seq ${record.seq} is about another dispatch` };
    // Else one record could be counted as many.
    if (record.seq <= (records.at(-1)?.seq ?? -1))
      return { flaw: `the record with seq ${record.seq} is out of order, or there twice` };
    const checked = await checkOne(line, record.seq, proof, file.public_key, sha256);
    if (isFlaw(checked)) return checked;
    verdict = checked;
    records.push(record);
  }
  return verdict ? { records, ...verdict } : { flaw: "the file proves nothing: it holds no record" };
}

async function checkOne(
  line: string,
  seq: number,
  proof: string,
  publicKey: string,
  sha256: Sha256,
): Promise<Omit<ProofVerdict, "records"> | Flaw> {
  const match =
    /^c2sp\.org\/tlog-proof@v1\n(?:extra [A-Za-z0-9+/=]*\n)?index (0|[1-9]\d{0,15})\n((?:[A-Za-z0-9+/]{43}=\n)*)\n([^]*)$/.exec(
      proof,
    );
  if (!match) return { flaw: "the proof is not a C2SP tlog-proof" };
  const [, index, hashes, text] = match as unknown as [string, string, string, string];
  const note = parseNote(text);
  if (isFlaw(note)) return note;
  if (!(await isSignedBy(note, publicKey, sha256))) return { flaw: "the checkpoint is not signed with the key" };
  if (Number(index) !== seq) return { flaw: `the proof is about seq ${index}, the record has seq ${seq}` };
  const path = hashes
    .split("\n")
    .filter(Boolean)
    .map((hash) => Uint8Array.fromBase64(hash).toHex());
  const root = rootOfInclusion(sha256, sha256(encoder.encode(`\0${line}`)), seq, note.size, path);
  if (root !== note.root) return { flaw: `the record with seq ${seq} is not in the tree that was signed` };
  return { origin: note.origin, size: note.size, root };
}

function parseProofFile(text: string): ProofFile | Flaw {
  let value: Partial<ProofFile> | null;
  try {
    value = JSON.parse(text) as Partial<ProofFile> | null;
  } catch {
    return { flaw: "the file is not JSON" };
  }
  if (value?.format !== format) return { flaw: `the file does not say "format": "${format}"` };
  const { audit_id, public_key, records } = value;
  const isWhole =
    typeof audit_id === "string" &&
    isPublicKey(public_key) &&
    Array.isArray(records) &&
    records.every((each) => typeof each?.line === "string" && typeof each?.proof === "string");
  return isWhole ? (value as ProofFile) : { flaw: "the file lacks audit_id, an Ed25519 public_key or records" };
}
