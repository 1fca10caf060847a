import type { Outbox } from "./outbox.ts";
import { closeCodes } from "./outbox.ts";

/** Every connected stream client, so that a shutdown can say goodbye to each. */
export class Clients {
  readonly #boxes = new Set<Outbox>();

  get size(): number {
    return this.#boxes.size;
  }

  add(box: Outbox): void {
    this.#boxes.add(box);
  }

  remove(box: Outbox): void {
    this.#boxes.delete(box);
  }

  closeAll(): void {
    for (const box of this.#boxes) box.close(closeCodes.goingAway, "roxy-core is shutting down: reconnect");
  }
}
