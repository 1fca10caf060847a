import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { FileFacts, Files } from "../runtime/types.ts";
import type { ClientToken } from "./client-tokens.ts";
import { parseTokenFile, tokenFileBytesMax, tokenOf } from "./client-tokens.ts";

export interface TokenStoreOptions {
  readonly files: Pick<Files, "stat" | "readAll" | "user">;
  readonly sha256: (text: string) => string;
  readonly log: Log;
  /** `auth.token_file` */
  readonly path: string;
}

/**
 * The client tokens of one file, read again as soon as the file has changed: a removed token is refused by the very next
 * request. A file that can't be used changes nothing and is complained about once.
 */
export class TokenStore {
  readonly #options: TokenStoreOptions;
  #tokens: readonly ClientToken[];
  /** The file as it was when it was last looked into, good or not. */
  #seen: string;

  /** @throws Error when the file can't be used */
  constructor(options: TokenStoreOptions) {
    this.#options = options;
    this.#seen = this.#look();
    this.#tokens = this.#read();
    if (this.#tokens.length === 0) throw new Error("it holds no token: nobody could ever come in");
  }

  /** The owner of a token as a client sent it. */
  ownerOf(token: string): ClientToken | undefined {
    return tokenOf(this.#current(), this.#options.sha256(token));
  }

  /** The token with this digest, while it is in the file: sessions live no longer than their token. */
  byHash(hash: string): ClientToken | undefined {
    return tokenOf(this.#current(), hash);
  }

  #current(): readonly ClientToken[] {
    const seen = this.#look();
    if (seen === this.#seen) return this.#tokens;
    this.#seen = seen;
    const { log, path } = this.#options;
    try {
      this.#tokens = this.#read();
      log.info("client_tokens", { path, tokens: this.#tokens.length });
    } catch (error) {
      log.error("client_tokens", { path, message: `${messageOf(error)}; the tokens from before stay valid` });
    }
    return this.#tokens;
  }

  /** A file that is replaced by a rename has another inode; one that is written in place, another time or size. */
  #look(): string {
    try {
      const facts = this.#options.files.stat(this.#options.path);
      return facts ? `${facts.device}:${facts.inode}:${facts.modifiedMs}:${facts.bytes}:${facts.mode}` : "missing";
    } catch {
      return "unreadable";
    }
  }

  #read(): readonly ClientToken[] {
    const { files, path, sha256 } = this.#options;
    const facts = files.stat(path);
    const refusal = refusalOf(facts, files.user());
    if (refusal !== undefined) throw new Error(refusal);
    const text = new TextDecoder().decode(files.readAll(path, tokenFileBytesMax));
    // Half an edit, or a full disk: a file without tokens on purpose has at least its heading.
    if (text.trim() === "") throw new Error("it is empty");
    return parseTokenFile(text, sha256).tokens;
  }
}

/** Whoever can write the file can let himself in. */
function refusalOf(facts: FileFacts | undefined, user: number): string | undefined {
  if (!facts) return "it is not there";
  if (facts.kind === "symlink") return "it is a symbolic link, and those are not followed: name the file itself";
  if (facts.kind !== "file") return "it is not a regular file";
  if (facts.owner !== user && facts.owner !== 0) return `it belongs to user ${facts.owner}, who could add tokens`;
  if ((facts.mode & 0o022) !== 0) return "other users may write it: chmod 600 it";
  return undefined;
}
