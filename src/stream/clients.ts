import { Problem } from "../lib/errors.ts";
import type { Outbox } from "./outbox.ts";
import { closeCodes } from "./outbox.ts";

export interface ClientsOptions {
  readonly clientsMax: number;
  readonly perAddressMax: number;
}

/** What a client came in with: a token, or a session that was begun with one. */
export interface Pass {
  /** The same for all who came in with the same one. */
  readonly key: string;
  /** Whether it would let somebody in now. */
  isValid(): boolean;
}

/** How long a stream may outlive what let its client in. A look costs one stat of the token file for each pass in use. */
export const passLookMs = 2_000;

/** Fewer than this many goodbyes need no spreading: their reconnects hurt nobody. */
const spreadFrom = 100;

/** Every connected stream client: counted when they come, told when we go. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #boxes = new Map<Outbox, Pass | undefined>();
  readonly #perAddress = new Map<string, number>();
  #admitted = 0;
  #dropped = 0;
  #isClosing = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#boxes.size;
  }

  /** Clients so far that were closed because they read too slowly. */
  get dropped(): number {
    return this.#dropped;
  }

  /**
   * Takes a place for a client of this address; the returned function gives it back, once.
   * @throws Problem `too_many_clients`, `shutting_down`
   */
  admit(address: string): () => void {
    if (this.#isClosing) throw new Problem("shutting_down", "roxy-core is shutting down", { retryAfterS: 1 });
    const { clientsMax, perAddressMax } = this.#options;
    const here = this.#perAddress.get(address) ?? 0;
    if (this.#admitted >= clientsMax) throw tooMany(`${clientsMax} clients are connected (stream.clients_max)`);
    if (here >= perAddressMax) {
      throw tooMany(`${perAddressMax} clients of your address are connected (stream.clients_per_address_max)`);
    }
    this.#admitted++;
    this.#perAddress.set(address, here + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#admitted--;
      const rest = this.#perAddress.get(address)! - 1;
      if (rest > 0) this.#perAddress.set(address, rest);
      else this.#perAddress.delete(address);
    };
  }

  add(box: Outbox, pass?: Pass): void {
    this.#boxes.set(box, pass);
    // It had its place before the end began, and its connection after.
    if (this.#isClosing) sayGoodbye(box);
  }

  remove(box: Outbox): void {
    if (this.#boxes.delete(box) && box.tooSlow) this.#dropped++;
  }

  /** Closes those whose token was removed, or whose session has ended, since they came. */
  dismissStrangers(): void {
    const known = new Map<string, boolean>();
    for (const [box, pass] of this.#boxes) {
      if (!pass) continue;
      const isValid = known.get(pass.key) ?? pass.isValid();
      known.set(pass.key, isValid);
      if (!isValid) box.cut(closeCodes.policy, "the token or session that let you in is no longer valid");
    }
  }

  /** Says goodbye to everybody; to a crowd spread over this time, so that they don't all come back in one moment. */
  async closeAll(spreadMs: number): Promise<void> {
    this.#isClosing = true;
    const boxes = [...this.#boxes.keys()];
    const slices = boxes.length < spreadFrom ? 1 : 20;
    const size = Math.ceil(boxes.length / slices);
    for (let slice = 0; slice < slices; slice++) {
      if (slice > 0) await new Promise((resolve) => setTimeout(resolve, spreadMs / slices));
      for (const box of boxes.slice(slice * size, (slice + 1) * size)) sayGoodbye(box);
    }
  }
}

function sayGoodbye(box: Outbox): void {
  box.close(closeCodes.goingAway, "roxy-core is shutting down: reconnect in a moment");
}

function tooMany(why: string): Problem {
  return new Problem("too_many_clients", `No more stream clients: ${why}`, { retryAfterS: 5 });
}
