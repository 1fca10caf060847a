/**
 * Commands that this page sends at a time. roxy-core forwards one after the other anyway, and a browser opens six
 * connections to it for all tabs together: what waits here leaves them free for reading how things stand.
 */
const atOnceMax = 2;

/** A line in front of the door. */
export class Turns {
  #busy = 0;
  #waiting: ((go: boolean) => void)[] = [];

  /** Waits for a turn. @returns false when the line was sent away: then nothing may be sent and nothing left */
  async enter(): Promise<boolean> {
    if (this.#busy < atOnceMax) {
      this.#busy++;
      return true;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Gives the turn to the next in line. */
  leave(): void {
    const next = this.#waiting.shift();
    if (next) next(true);
    else this.#busy--;
  }

  /** Sends everybody away who still waits. */
  clear(): void {
    for (const tell of this.#waiting.splice(0)) tell(false);
  }
}
