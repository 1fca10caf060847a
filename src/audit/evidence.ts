import { exitCodes, Fatal, messageOf, Problem } from "../lib/errors.ts";
import { checkpointName, pathIn } from "./folder.ts";
import { isFlaw } from "./frame.ts";
import { readPublicKey } from "./key.ts";
import { readNoteFile } from "./note-file.ts";
import type { ProofFile } from "./proof-file.ts";
import { makeProofFile } from "./proof-file.ts";
import type { Page, Query, Read, ReadDeps, Search } from "./read.ts";
import { oldestFirst, readDispatch, readRecords } from "./read.ts";
import { readHead, segments } from "./segments.ts";
import type { VerifyResult } from "./verify.ts";
import { verify } from "./verify.ts";

export interface EvidenceOptions {
  /** How to read the log right now, no further than what is durable. */
  readonly log: () => ReadDeps;
  /** Whoever reads more of it than its end asks this way. */
  readonly search: Search;
  /** Signs what is durable, so that the newest record can be proven too. */
  readonly seal: () => Promise<void>;
  /** Records that the newest checkpoint covers. */
  readonly signed: () => number;
  /** The configured signing key: pins verification. */
  readonly keyFile: string;
}

/**
 * The reading side of the log as a server offers it: pages, one dispatch, the newest checkpoint, proofs, verification.
 * Few read at a time, and no longer than somebody waits: `signal` is aborted when the caller has gone.
 */
export class Evidence {
  readonly #options: EvidenceOptions;
  #verification: Promise<VerifyResult> | undefined;

  constructor(options: EvidenceOptions) {
    this.#options = options;
  }

  /**
   * A filter that nothing meets reads the whole log.
   * @throws Fatal (exit code 4) at a damaged line; Problem `rate_limited` when too many wait
   */
  page(query: Query, signal?: AbortSignal): Promise<Page> {
    return this.#options.search((log) => readRecords(log, query), signal);
  }

  /** All records of one dispatch, in order; empty when there are none. @throws as `page` does */
  dispatch(auditId: string, signal?: AbortSignal): Promise<Read[]> {
    return this.#options.search((log) => readDispatch(log, auditId), signal);
  }

  /** The newest signed note as it stands beside the log. @throws Fatal (exit code 4) when another thing stands there */
  checkpoint(): string | undefined {
    const { files, dir } = this.#options.log();
    const found = readNoteFile(files, dir);
    if (found && isFlaw(found))
      throw new Fatal(`Cannot read ${pathIn(dir, checkpointName)}: ${found.flaw}`, exitCodes.integrity);
    return found?.text;
  }

  /** @throws Problem `not_found`: no such dispatch, or no checkpoint covers it yet; and as `page` does */
  proof(auditId: string, signal?: AbortSignal): Promise<ProofFile> {
    return this.#options.search((log) => this.#prove(log, auditId), signal);
  }

  async #prove(deps: ReadDeps, auditId: string): Promise<ProofFile> {
    const found = await readDispatch(deps, auditId);
    if (found.length === 0) throw new Problem("not_found", `No records of ${auditId} are in the audit log`);
    const lines = found.map(({ record, text }) => ({ seq: record.seq, line: text }));
    if (lines.at(-1)!.seq >= this.#options.signed()) await this.#options.seal();
    return makeProofFile(deps, auditId, await signingKey(deps), lines);
  }

  /**
   * Reads the whole log. All who ask while one verification runs share its result: the disk is read once.
   * @throws Problem `audit_unavailable` when there is no key to check the signatures with
   */
  verify(): Promise<VerifyResult> {
    const { keyFile } = this.#options;
    const { files, sha256, dir } = this.#options.log();
    const run = async (): Promise<VerifyResult> => {
      const publicKey = await readPublicKey(files, keyFile).catch((cause: unknown) => {
        throw new Problem("audit_unavailable", `Nothing was verified. ${messageOf(cause)}`, { cause });
      });
      return verify({ files, sha256, dir, publicKey });
    };
    return (this.#verification ??= run().finally(() => {
      this.#verification = undefined;
    }));
  }
}

/**
 * The key in force at the end: what the newest file's first record says, or a key record after it.
 * @throws Fatal (exit code 4) when there is no intact log
 */
export async function signingKey(deps: ReadDeps): Promise<string> {
  const last = segments(deps.files, deps.dir, deps.sha256).at(-1);
  const head = last && readHead(deps.files, last.path, deps.sha256);
  if (!head || isFlaw(head))
    throw new Fatal(`Cannot prove anything: ${deps.dir} holds no intact log`, exitCodes.integrity);
  let key = head.public_key ?? "";
  for await (const { record } of oldestFirst(deps, head.seq))
    if (record.event === "key") key = record.public_key ?? key;
  return key;
}
