import { counted } from "../lib/counted.ts";
import type { Files, ReadFile } from "../runtime/types.ts";
import { Chain } from "./chain.ts";
import type { Fault } from "./fault.ts";
import { Stop } from "./fault.ts";
import { activeName, checkpointName, pathIn, strangeKind } from "./folder.ts";
import type { Flaw, Frame } from "./frame.ts";
import { decodeLine, isFlaw, recordOf } from "./frame.ts";
import { isSignedByBoth } from "./key-in-force.ts";
import type { Line, Rest } from "./lines.ts";
import { linesOf } from "./lines.ts";
import { isSignedPrune } from "./pruned.ts";
import type { Sha256 } from "./record.ts";
import type { OpenSegment, Segment } from "./segments.ts";
import { misplacement, openSegment, readHead, segments } from "./segments.ts";
import { SignedNotes } from "./verify-notes.ts";

/**
 * Reads the whole log and proves it, or says where it stops being what was written. Reads only, takes no lock, and may
 * run beside the server. It shares the framing with the writer, and nothing that writes.
 */

export interface VerifyOptions {
  readonly files: Files;
  readonly sha256: Sha256;
  readonly dir: string;
  /** Raw, base64: the key that the log must be signed with. Without it, the log's own word is taken. */
  readonly publicKey?: string;
  /** Text of a checkpoint kept elsewhere; the log must hold what it covers. */
  readonly checkpoint?: string;
  /** Bytes read so far and in all. */
  readonly onProgress?: (bytes: number, total: number) => void;
}

export interface VerifyResult {
  readonly ok: boolean;
  readonly fault?: Fault;
  /** Worth knowing, and no proof of tampering. */
  readonly warnings: readonly string[];
  readonly files: number;
  readonly bytes: number;
  readonly records: number;
  readonly firstSeq?: number;
  readonly head?: { readonly seq: number; readonly hash: string };
  readonly logId?: string;
  readonly publicKey?: string;
  readonly keyIsPinned: boolean;
  /** Signed changes that lead from the pinned key to `publicKey`. */
  readonly keyChanges?: number;
  /** Records that a signed checkpoint vouches for. */
  readonly checkpointSize?: number;
}

/** @throws FileError when the folder can't be read; every fault of the log itself is in the result */
export async function verify(options: VerifyOptions): Promise<VerifyResult> {
  for (let tries = 1; ; tries++) {
    const walk = new Verification(options);
    try {
      await walk.run();
      return walk.result(undefined);
    } catch (error) {
      if (!(error instanceof Stop)) throw error;
      // What the server has pruned from under us is no fault; the next walk begins behind it and looks for its record.
      if (tries < triesMax && walk.wasOvertaken()) continue;
      return walk.result(error.fault);
    }
  }
}

/** A server prunes as many files as are too old at one go, once a day: one overtaking is all that is to be expected. */
const triesMax = 3;

class Verification {
  readonly #options: VerifyOptions;
  #chain: Chain | undefined;
  #firstSeq: number | undefined;
  /** First seqs of the files read so far. */
  readonly #read = new Set<number>();
  /** Files found and not yet read, the oldest last. */
  #waiting: Segment[] = [];
  #files = 0;
  #bytes = 0;
  #total = 0;
  readonly #warnings: string[] = [];
  readonly #keys = new Set<string>();
  #notes = SignedNotes.none;
  /** The place that a prune record must vouch for, when the log does not begin with genesis. */
  #missingPrefix: { lastSeq: number; lastHash: string; root: string; prunedAt?: number } | undefined;

  constructor(options: VerifyOptions) {
    this.#options = options;
  }

  /** The checkpoint is read first: the log, read after it, can only hold more than it covers. */
  async run(): Promise<void> {
    const { files, dir, sha256 } = this.#options;
    for (const path of [pathIn(dir, checkpointName), pathIn(dir, activeName)]) {
      const what = strangeKind(files, path);
      if (what !== undefined) throw new Stop({ file: path, what });
    }
    this.#notes = SignedNotes.read(files, dir, this.#options.checkpoint);
    this.#waiting = segments(files, dir, sha256).toReversed();
    this.#total = this.#waiting.reduce((sum, { path }) => sum + (files.stat(path)?.bytes ?? 0), 0);
    for (let segment = this.#next(); segment; segment = this.#next()) await this.#segment(segment);
    await this.#conclude();
  }

  result(fault: Fault | undefined): VerifyResult {
    const chain = this.#chain;
    const signed = this.#notes.signedSize;
    return {
      ok: fault === undefined,
      ...(fault && { fault }),
      warnings: this.#warnings,
      files: this.#files,
      bytes: this.#bytes,
      records: chain ? chain.seq + 1 - (this.#firstSeq ?? 0) : 0,
      ...(this.#firstSeq !== undefined && { firstSeq: this.#firstSeq }),
      ...(chain && { head: { seq: chain.seq, hash: chain.hash }, logId: chain.logId, publicKey: chain.publicKey }),
      keyIsPinned: this.#options.publicKey !== undefined,
      ...(chain &&
        this.#options.publicKey !== undefined && { keyChanges: changesSince(chain, this.#options.publicKey) }),
      ...(!fault && signed > 0 && { checkpointSize: signed }),
    };
  }

  /** The oldest file not yet read. At the end the folder is looked at anew: others may have been begun meanwhile. */
  #next(): Segment | undefined {
    const { files, dir, sha256 } = this.#options;
    const known = this.#waiting.pop();
    const list = known ? [] : segments(files, dir, sha256);
    const next = known ?? list.find(({ firstSeq }) => !this.#read.has(firstSeq));
    if (next) {
      this.#read.add(next.firstSeq);
      return next;
    }
    if (new Set(list.map(({ firstSeq }) => firstSeq)).size < list.length) {
      throw new Stop({ file: list.at(-1)?.path ?? dir, line: 1, what: "it begins with the same seq as another file" });
    }
    const path = pathIn(dir, activeName);
    const facts = list.at(-1)?.closed === false ? undefined : files.stat(path);
    const head = facts && readHead(files, path, sha256);
    if (head && isFlaw(head)) throw this.#stopAt(path, 1, head);
    if (facts && !head) this.#warnTorn(path, facts.bytes);
    return undefined;
  }

  /** Whether the file that this walk began with is gone, or there is a newer checkpoint than the one it looks at. */
  wasOvertaken(): boolean {
    const { files, dir, sha256 } = this.#options;
    const [begun] = this.#read;
    if (begun !== undefined && (segments(files, dir, sha256)[0]?.firstSeq ?? begun) > begun) return true;
    return this.#notes.isOld(files, dir);
  }

  async #segment(listed: Segment): Promise<void> {
    const { segment, file } = this.#open(listed);
    try {
      await this.#lines(segment, file);
    } finally {
      file.close();
    }
  }

  #open(listed: Segment): OpenSegment {
    const { files, dir, sha256 } = this.#options;
    const { path, firstSeq } = listed;
    const strange = strangeKind(files, path);
    if (strange !== undefined) throw new Stop({ file: path, seq: firstSeq, what: strange });
    const opened = openSegment(files, dir, sha256, listed);
    if (!opened) throw new Stop({ file: path, seq: firstSeq, what: "it vanished while the log was being read" });
    this.#files++;
    return opened;
  }

  async #lines(segment: Segment, file: ReadFile): Promise<void> {
    let line = 0;
    let end = file.stat().bytes;
    let batches = linesOf(file, 0, end);
    for (;;) {
      const { done, value } = await batches.next();
      if (done) {
        // What was appended while we read is read too: after a rotation nobody else would come back for it.
        const grown = segment.closed ? end : file.stat().bytes;
        if (grown <= end) return this.#rest(segment, line, value);
        end = grown;
        batches = linesOf(file, value.offset, end);
        continue;
      }
      for (const each of value) {
        line++;
        const frame = this.#take(each);
        if (isFlaw(frame)) throw this.#stopAt(segment.path, line, frame);
        const what = misplacement(frame, segment, line === 1) ?? this.#unfit(frame, each);
        if (what !== undefined) throw new Stop({ file: segment.path, line, seq: frame.seq, what });
        if (frame.event === "prune") await this.#comparePrune(segment.path, line, frame.seq);
      }
      this.#bytes += value.reduce((sum, { bytes }) => sum + bytes.length + 1, 0);
      this.#options.onProgress?.(this.#bytes, this.#total);
    }
  }

  #take(line: Line): Frame | Flaw {
    const chain = this.#chain ?? this.#begin(line);
    if (isFlaw(chain)) return chain;
    const frame = chain.take(line);
    if (isFlaw(frame)) return frame;
    if (frame.event === "key") this.#keys.add(chain.publicKey);
    this.#notes.look(chain);
    return frame;
  }

  /** Behind what is signed, where anybody may have appended, a line is held to all that a start wants of it. */
  #unfit(frame: Frame, { bytes }: Line): string | undefined {
    if (frame.seq < this.#notes.claimedSize) return undefined;
    const record = recordOf(bytes, frame);
    return isFlaw(record) ? record.flaw : undefined;
  }

  #begin(line: Line): Chain | Flaw {
    const head = decodeLine(line.bytes, this.#options.sha256);
    const chain = isFlaw(head) ? head : Chain.from(head, this.#options.sha256);
    if (isFlaw(chain)) return chain;
    this.#chain = chain;
    this.#firstSeq = chain.seq + 1;
    this.#keys.add(chain.publicKey);
    if (chain.seq >= 0) this.#missingPrefix = { lastSeq: chain.seq, lastHash: chain.hash, root: chain.tree.root() };
    this.#notes.look(chain);
    return chain;
  }

  /** What is not signed is somebody else's, to excuse a loss. */
  async #comparePrune(file: string, line: number, seq: number): Promise<void> {
    const { pruned, publicKey } = this.#chain!;
    if (!(await isSignedPrune(pruned!, publicKey)))
      throw new Stop({ file, line, seq, what: "the prune record is not signed by the log's key" });
    const missing = this.#missingPrefix;
    if (!missing || missing.prunedAt !== undefined || pruned!.lastSeq !== missing.lastSeq) return;
    if (pruned!.lastHash !== missing.lastHash || pruned!.root !== missing.root) return;
    this.#missingPrefix = { ...missing, prunedAt: seq };
  }

  /** Bytes after the last LF. In the active file that is a write going on, or one that a crash tore. */
  #rest(segment: Segment, line: number, rest: Rest): void {
    if (line === 0 && segment.closed) throw new Stop({ file: segment.path, what: "the file holds no record" });
    if (!segment.closed || rest.bytes === 0) return this.#warnTorn(segment.path, rest.bytes);
    throw new Stop({ file: segment.path, line: line + 1, seq: this.#nextSeq(), what: tornEnd(rest.bytes) });
  }

  #warnTorn(path: string, bytes: number): void {
    if (bytes === 0) return;
    const why = "a write going on, or torn by a crash (the next start sets it aside)";
    this.#warnings.push(`${path}: ${tornEnd(bytes)}: ${why}`);
  }

  async #conclude(): Promise<void> {
    const { dir } = this.#options;
    const chain = this.#chain;
    if (!chain) throw new Stop({ file: dir, what: "the folder holds no audit log" });
    const missing = this.#missingPrefix;
    const isMissing = `the records before seq ${(missing?.lastSeq ?? -1) + 1} are missing`;
    if (missing && missing.prunedAt === undefined) {
      throw new Stop({ file: dir, seq: missing.lastSeq, what: `${isMissing}, and no prune record says why` });
    }
    await this.#checkKeys(chain);
    // Only a first start that was cut short leaves none; its key has not got the name yet that it is given by.
    const isBegun = chain.seq > 0 || this.#options.publicKey !== undefined;
    if (!this.#notes.hasOwn && isBegun) {
      throw new Stop({
        file: pathIn(dir, checkpointName),
        what: "the checkpoint is missing: a cut end would not show",
      });
    }
    const { sha256 } = this.#options;
    this.#warnings.push(
      ...(await this.#notes.check({ chain, firstSeq: this.#firstSeq ?? 0, keys: this.#keys, sha256 })),
    );
    // A file is removed only after a checkpoint over its record: whoever can write, but not sign, can't excuse a loss.
    if (missing?.prunedAt !== undefined && missing.prunedAt >= this.#notes.signedSize) {
      const what = `${isMissing}, and no checkpoint is signed over the prune record that says why`;
      throw new Stop({ file: dir, seq: missing.prunedAt, what });
    }
  }

  async #checkKeys(chain: Chain): Promise<void> {
    for (const change of chain.keyChanges) {
      if (await isSignedByBoth(change)) continue;
      throw new Stop({
        file: this.#options.dir,
        seq: change.seq,
        what: "the key record is not signed by both keys for this place",
      });
    }
    const pinned = this.#options.publicKey;
    if (pinned === undefined || this.#keys.has(pinned)) return;
    throw new Stop({
      file: this.#options.dir,
      what: `the log is signed with ${chain.publicKey}, not with the given key ${pinned}`,
    });
  }

  /** Only its very first line makes a log another version's: anywhere else a version is a change like any other. */
  #stopAt(file: string, line: number, { flaw: what, foreignVersion }: Flaw): Stop {
    const isForeign = foreignVersion && this.#chain === undefined;
    return new Stop({ file, line, seq: this.#nextSeq(), what, ...(isForeign && { foreignVersion }) });
  }

  #nextSeq(): number {
    return (this.#chain?.seq ?? -1) + 1;
  }
}

function tornEnd(bytes: number): string {
  return `the file ends in ${counted(bytes, "byte")} without a line end`;
}

function changesSince({ keyChanges }: Chain, publicKey: string): number {
  const at = keyChanges.findIndex(({ oldKey }) => oldKey === publicKey);
  return at === -1 ? 0 : keyChanges.length - at;
}
