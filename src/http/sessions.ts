import type { Clock } from "../lib/clock.ts";
import { randomText } from "./client-tokens.ts";

/** A panel that is used each working day asks again once a week. */
export const sessionS = 7 * 86_400;
/** Panels at a time that came in with one token: its own oldest gives way, so that nobody can sign out anybody else. */
const perTokenMax = 64;
/** And in all, those of tokens that were removed among them; the oldest gives way. A session costs some 200 bytes. */
const sessionsMax = 4096;

interface Session {
  readonly tokenHash: string;
  /** Monotonic. */
  readonly endsAt: number;
}

/**
 * Browser sessions, in memory only: a restart ends them and the panel asks for the token again. A session is found by
 * the digest of its id, so that neither a lookup's time nor a memory dump gives an id away.
 */
export class Sessions {
  readonly #clock: Clock;
  readonly #sha256: (text: string) => string;
  readonly #sessions = new Map<string, Session>();

  constructor(clock: Clock, sha256: (text: string) => string) {
    this.#clock = clock;
    this.#sha256 = sha256;
  }

  /** @returns the id, for the cookie */
  begin(tokenHash: string): string {
    const id = randomText();
    const own = [...this.#sessions].filter(([, session]) => session.tokenHash === tokenHash);
    if (own.length >= perTokenMax) this.#sessions.delete(own[0]![0]);
    this.#sessions.set(this.#sha256(id), { tokenHash, endsAt: this.#clock.monotonic() + sessionS * 1000 });
    const [oldest] = this.#sessions.keys();
    if (this.#sessions.size > sessionsMax && oldest !== undefined) this.#sessions.delete(oldest);
    return id;
  }

  /** The digest of the token that the session was begun with. */
  tokenHashOf(id: string): string | undefined {
    return this.tokenHashAt(this.digestOf(id));
  }

  /** The same by the digest of its id, which is what may be kept. */
  tokenHashAt(digest: string): string | undefined {
    const session = this.#sessions.get(digest);
    if (!session) return undefined;
    if (session.endsAt > this.#clock.monotonic()) return session.tokenHash;
    this.#sessions.delete(digest);
    return undefined;
  }

  digestOf(id: string): string {
    return this.#sha256(id);
  }

  end(id: string): void {
    this.#sessions.delete(this.#sha256(id));
  }
}
