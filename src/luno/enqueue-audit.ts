import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { AppendFile, Files } from "../runtime/types.ts";
import type { Receipt } from "../wire/dispatch.ts";

/** Two files of 8 MiB hold the last 60,000 enqueues or so: a memory for people, not the audit log of roxy-core. */
const auditBytesMax = 8_388_608;

export interface EnqueueLine {
  readonly timestamp: string;
  readonly storyId: string;
  readonly decision: string;
  readonly reason?: string;
  readonly planId?: string;
  readonly force: boolean;
  /** Who asked, by the token's own words. */
  readonly by: string;
  /** The token's `jti`: roxy-core's audit id. */
  readonly tokenId?: string;
  /** roxy-core's receipt, written down by somebody else: a cut or edited chain no longer matches it. */
  readonly receipt?: Receipt;
}

/** The kernel's own record: one JSON line for each enqueue, refused ones too, written before the queue changes. */
export class EnqueueAudit {
  readonly #files: Files;
  readonly #path: string;
  readonly #log: Log;
  #file: AppendFile;
  #bytes: number;
  /** A full disk, or a crash, cut the last line short: the next one must not be glued to it. */
  #torn: boolean;

  constructor(files: Files, path: string, log: Log) {
    this.#files = files;
    this.#path = path;
    this.#log = log;
    this.#file = files.openAppend(path);
    this.#bytes = this.#file.stat().bytes;
    this.#torn = this.#bytes > 0 && lastByteOf(files, path, this.#bytes) !== 10;
  }

  /**
   * Appends all lines in one write, which a crash of this process can't lose; the sync behind it covers power loss and
   * is not waited for. Throws when nothing or only a part could be written.
   */
  append(lines: readonly EnqueueLine[]): void {
    if (this.#bytes > auditBytesMax) this.#rotate();
    const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
    const bytes = new TextEncoder().encode(this.#torn ? `\n${text}` : text);
    const taken = this.#file.write(bytes);
    this.#bytes += taken;
    this.#torn = taken < bytes.length;
    if (this.#torn) throw new Error(`Cannot write ${this.#path}: only ${taken} of ${bytes.length} bytes fit`);
    this.#file.datasync().catch((error: unknown) => {
      this.#log.error("luno_enqueue_audit_unsynced", { path: this.#path, reason: messageOf(error) });
    });
  }

  close(): void {
    this.#file.close();
  }

  #rotate(): void {
    this.#files.rename(this.#path, `${this.#path}.1`);
    this.#file.close();
    this.#file = this.#files.openAppend(this.#path);
    this.#bytes = 0;
  }
}

function lastByteOf(files: Files, path: string, bytes: number): number | undefined {
  const file = files.openRead(path);
  try {
    const last = new Uint8Array(1);
    return file.read(last, bytes - 1) === 1 ? last[0] : undefined;
  } finally {
    file.close();
  }
}
