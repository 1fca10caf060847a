/** What beats: a connection that can be pinged, and cut when it stays silent. */
export interface Beating {
  ping(): void;
  cut(): void;
}

/** Pings without an answer after which a client is gone. */
const missesMax = 2;
/** Clients are pinged in this many turns a heartbeat, so that a crowd's pings are no burst. */
const turns = 25;

/**
 * One timer for all clients: each is pinged once a heartbeat, whether or not anything else is said, and cut a heartbeat
 * after its second ping without an answer. A quiet crowd costs a turn a second and not a timer each.
 */
export class Heartbeat<Client> {
  readonly #turnMs: number;
  readonly #beating: (client: Client) => Beating;
  /** By turn, each client with its unanswered pings. */
  readonly #turns = Array.from({ length: turns }, () => new Map<Client, number>());
  readonly #turnOf = new Map<Client, Map<Client, number>>();
  #next = 0;
  #timer: ReturnType<typeof setInterval> | undefined;

  /** @param everyS seconds between two pings to the same client */
  constructor(everyS: number, beating: (client: Client) => Beating) {
    this.#turnMs = (everyS * 1000) / turns;
    this.#beating = beating;
  }

  /** Its first ping comes after a whole heartbeat, give or take one turn. */
  add(client: Client): void {
    const turn = this.#turns[(this.#next + turns - 1) % turns]!;
    turn.set(client, 0);
    this.#turnOf.set(client, turn);
    this.#timer ??= setInterval(() => this.#beat(), this.#turnMs);
  }

  answered(client: Client): void {
    this.#turnOf.get(client)?.set(client, 0);
  }

  remove(client: Client): void {
    this.#turnOf.get(client)?.delete(client);
    this.#turnOf.delete(client);
    if (this.#turnOf.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #beat(): void {
    const turn = this.#turns[this.#next]!;
    this.#next = (this.#next + 1) % turns;
    for (const [client, misses] of turn) {
      const beating = this.#beating(client);
      if (misses >= missesMax) beating.cut();
      else {
        turn.set(client, misses + 1);
        beating.ping();
      }
    }
  }
}
