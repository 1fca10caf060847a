import { counted } from "../lib/counted.ts";
import type { Files } from "../runtime/types.ts";
import type { Chain } from "./chain.ts";
import { Stop } from "./fault.ts";
import { checkpointName, pathIn } from "./folder.ts";
import { isFlaw } from "./frame.ts";
import { isSignedInForce } from "./key-in-force.ts";
import { readNoteFile } from "./note-file.ts";
import type { SignedCheckpoint } from "./note.ts";
import { originOf, parseNote } from "./note.ts";
import type { Sha256 } from "./record.ts";

interface Entry {
  readonly note: SignedCheckpoint;
  readonly from: string;
  readonly text: string;
  /** Of the log's own tree at the note's size, once the walk has come there. */
  root?: string;
}

/** What a finished walk knows. */
export interface Walked {
  readonly chain: Chain;
  readonly firstSeq: number;
  readonly keys: ReadonlySet<string>;
  readonly sha256: Sha256;
}

/** The checkpoints that a verification holds the log against: the one beside it, and one kept elsewhere. */
export class SignedNotes {
  readonly #path: string;
  readonly #entries: readonly Entry[];
  /** Records that some checkpoint claims to cover, before anything is compared; asked for at each line. */
  readonly claimedSize: number;

  private constructor(path: string, entries: readonly Entry[]) {
    this.#path = path;
    this.#entries = entries;
    this.claimedSize = Math.max(0, ...entries.map(({ note }) => note.size));
  }

  static readonly none = new SignedNotes("", []);

  /** @param given text of a checkpoint kept elsewhere. @throws Stop */
  static read(files: Files, dir: string, given: string | undefined): SignedNotes {
    const entries: Entry[] = [];
    if (given !== undefined) {
      const note = parseNote(given);
      if (isFlaw(note)) throw new Stop({ file: "the given checkpoint", what: note.flaw });
      entries.push({ note, from: "the given checkpoint", text: given });
    }
    const path = pathIn(dir, checkpointName);
    const own = readNoteFile(files, dir);
    if (own && isFlaw(own)) throw new Stop({ file: path, what: own.flaw });
    if (own) entries.push({ note: own.note, from: path, text: own.text });
    return new SignedNotes(path, entries);
  }

  get hasOwn(): boolean {
    return this.#own !== undefined;
  }

  /** Whether there is another checkpoint beside the log by now. */
  isOld(files: Files, dir: string): boolean {
    if (this.#own === undefined) return false;
    const now = readNoteFile(files, dir);
    return !now || isFlaw(now) || now.text !== this.#own.text;
  }

  /** Records that a checkpoint vouches for, once the walk is over. */
  get signedSize(): number {
    return Math.max(0, ...this.#entries.map(({ note, root }) => (root === undefined ? 0 : note.size)));
  }

  /** To be called at each size of the tree. */
  look(chain: Chain): void {
    for (const entry of this.#entries) if (entry.note.size === chain.tree.size) entry.root = chain.tree.root();
  }

  /** @returns warnings. @throws Stop */
  async check(walked: Walked): Promise<string[]> {
    const warnings: string[] = [];
    for (const { note, from, root } of this.#entries) {
      const isPruned = root === undefined && note.size <= walked.firstSeq;
      const isSigned = await checkNote(note, from, root, walked);
      if (!isSigned && !(isPruned && from !== this.#path))
        throw new Stop({ file: from, what: "its signature is not by the log's key of that time" });
      if (isPruned) warnings.push(pastWords(from, isSigned, walked.firstSeq));
    }
    return warnings;
  }

  get #own(): Entry | undefined {
    return this.#entries.find(({ from }) => from === this.#path);
  }
}

/** The key of that time may have gone with the record that replaced it. */
function pastWords(from: string, isSigned: boolean, firstSeq: number): string {
  const words = `${from} covers only records before seq ${firstSeq}, which were pruned`;
  return isSigned
    ? words
    : `${words}; so, it may be, was the change of the key that it is signed with: it proves nothing`;
}

/** @returns whether it is signed by the log's key of that time. @throws Stop */
async function checkNote(
  note: SignedCheckpoint,
  file: string,
  root: string | undefined,
  { chain, keys, sha256 }: Walked,
): Promise<boolean> {
  if (note.origin !== originOf(chain.logId))
    throw new Stop({ file, what: `it belongs to another log, ${note.origin}` });
  const isSigned = await isSignedInForce(note, chain.keyChanges, keys, sha256);
  if (isSigned && note.size > chain.seq + 1) {
    const what = `the checkpoint covers ${counted(note.size, "record")}, but the log ends with seq ${chain.seq}: the end was cut off`;
    throw new Stop({ file, seq: chain.seq + 1, what });
  }
  if (isSigned && root !== undefined && root !== note.root) {
    throw new Stop({
      file,
      what: `its tree of ${counted(note.size, "record")} is not the tree of the log: records were changed`,
    });
  }
  return isSigned;
}
