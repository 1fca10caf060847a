import type { Peer } from "../runtime/types.ts";
import type { Frame } from "./frames.ts";
import { burstBytesMax } from "./output-gate.ts";

/** A gateway, a panel or two and a script; each client costs a frame a change. */
export const clientsMax = 64;
/** Bytes that may wait for a client: one burst of each of 16 agents. A client that far behind does not read. */
export const clientBytesMax = 16 * burstBytesMax;

/** The WebSocket clients. Each frame is encoded once; a client that does not read is dropped, never waited for. */
export class Telemetry {
  readonly #peers = new Set<Peer>();

  get clients(): number {
    return this.#peers.size;
  }

  get isFull(): boolean {
    return this.#peers.size >= clientsMax;
  }

  /** @param welcome frames that tell the newcomer how things stand */
  add(peer: Peer, welcome: readonly Frame[]): void {
    this.#peers.add(peer);
    for (const frame of welcome) this.#send(peer, JSON.stringify(frame));
  }

  remove(peer: Peer): void {
    this.#peers.delete(peer);
  }

  publish(frame: Frame): void {
    if (this.#peers.size === 0) return;
    const text = JSON.stringify(frame);
    for (const peer of this.#peers) this.#send(peer, text);
  }

  /** RFC 6455 section 7.4.1: 1001, going away. */
  closeAll(): void {
    for (const peer of this.#peers) peer.close(1001, "luno is stopping");
    this.#peers.clear();
  }

  #send(peer: Peer, text: string): void {
    if (peer.send(text) <= clientBytesMax) return;
    this.#peers.delete(peer);
    peer.terminate();
  }
}
