import type { UpstreamSocket } from "./upstream-socket.ts";

/** Characters that the next connection may say before it counts; a newcomer's welcome is a few KiB. */
const heldLengthMax = 1_048_576;

/**
 * The change from a living connection to the next one, without a hole where that can be known.
 *
 * Podium sends each frame to all its connections. Between the next one's handshake and the change, a frame may come over
 * both, or over one of them, and nothing in it tells which. But when the old connection has said nothing since before the
 * handshake up to its answer to a ping sent after it, then nothing was sent meanwhile: what the old one told comes before
 * all that the next one tells, and nothing lies between. Otherwise the change is a GAP.
 */
export class Handover {
  readonly old: UpstreamSocket;
  readonly next: UpstreamSocket;
  readonly #opened = Promise.withResolvers<boolean>();
  #held: string[] = [];
  #heldLength = 0;
  #isQuiet = true;
  #isOpen = false;
  #isNextLost = false;

  /** @param dial makes the next connection; calls back when it is open */
  constructor(old: UpstreamSocket, dial: (opened: () => void) => UpstreamSocket) {
    this.old = old;
    this.next = dial(() => {
      this.#isOpen = true;
      this.#opened.resolve(true);
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** What the next connection has said so far. */
  get held(): readonly string[] {
    return this.#held;
  }

  /** The old connection has said something, or has ended. */
  noise(): void {
    this.#isQuiet = false;
  }

  holdBack(text: string): void {
    this.#heldLength += text.length;
    if (this.#heldLength > heldLengthMax) {
      this.#held = [];
      this.#isQuiet = false;
    } else this.#held.push(text);
  }

  /** What was held back may have been told already. */
  forget(): void {
    this.#held = [];
  }

  nextLost(): void {
    this.#isNextLost = true;
    this.#isOpen = false;
    this.#opened.resolve(false);
  }

  /** Resolves when it is time to change: true without a hole, false with a GAP, undefined when there is no next one. */
  async ready(): Promise<boolean | undefined> {
    if (!(await this.#opened.promise)) return undefined;
    const isFlushed = await this.old.flushed();
    return this.#isNextLost ? undefined : isFlushed && this.#isQuiet;
  }

  abandon(): void {
    this.next.terminate();
    this.nextLost();
  }
}
