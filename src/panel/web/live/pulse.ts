import { apiRequest } from "../../../wire/client.ts";
import type { Requests } from "../api/requests.ts";
import type { Store } from "./store.ts";

/** While all is well; a broken connection shows sooner, by the stream's end. */
const calmMs = 3_000;
/** While roxy-core is away: on loopback a try costs nothing, and its return should be seen at once. */
const awayMs = 1_000;
/** `/health` asks nobody else: an answer that takes longer is none. */
const patienceMs = 3_000;

/** Whether roxy-core answers, asked all the time: an open connection alone says nothing about a process that hangs. */
export class Pulse {
  readonly #requests: Requests;
  readonly #store: Store;
  readonly #onReturn: () => void;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #asking = false;

  constructor(requests: Requests, store: Store, onReturn: () => void) {
    this.#requests = requests;
    this.#store = store;
    this.#onReturn = onReturn;
  }

  start(): void {
    // The browser notices a change of the network before any request fails.
    for (const event of ["online", "offline"]) addEventListener(event, () => this.now());
    document.addEventListener("visibilitychange", () => this.now());
    this.now();
  }

  /** Asks at once, unless it is being asked. */
  now(): void {
    if (this.#asking) return;
    clearTimeout(this.#timer);
    void this.#ask();
  }

  async #ask(): Promise<void> {
    this.#asking = true;
    const reply = await this.#requests.send(apiRequest("get", "/health"), { timeoutMs: patienceMs });
    this.#asking = false;
    const before = this.#store.state.facts;
    const code = reply.ok ? "" : reply.problem.code;
    const gateway = code === "gateway_lost" ? "lost" : code === "gateway_silent" ? "silent" : "up";
    if (code !== "let_go" && gateway !== before.gateway) {
      this.#store.facts({ gateway, gatewaySince: new Date().toISOString() });
      if (gateway === "up") this.#onReturn();
    }
    this.#timer = setTimeout(() => void this.#ask(), gateway === "up" ? calmMs : awayMs);
  }
}
