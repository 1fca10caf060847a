import type { Peer } from "../../src/runtime/types.ts";

/** A client's connection as the outbox sees it; a stalled one keeps everything in the runtime's buffer. */
export class ScriptedPeer implements Peer {
  readonly heard: string[] = [];
  /** Code of the close, or 1006 when it was cut off. */
  readonly ended: (number | string)[] = [];
  stalled = false;
  /** Told of the end in the very call that makes it, as both runtimes do. */
  onClose: ((code: number) => void) | undefined;
  #isOver = false;
  #buffered = 0;

  send(text: string): number {
    if (this.ended.length > 0) throw new Error("sent after the end");
    this.heard.push(text);
    if (this.stalled) this.#buffered += text.length;
    return this.#buffered;
  }

  /** The client reads on; returns what the runtime then calls. */
  resume(drained: (() => void) | undefined): void {
    this.stalled = false;
    this.#buffered = 0;
    drained?.();
  }

  close(code: number): void {
    this.ended.push(code);
    this.#end(code);
  }

  terminate(): void {
    this.ended.push("cut");
    this.#end(1006);
  }

  #end(code: number): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.onClose?.(code);
  }
}
