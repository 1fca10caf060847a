export interface ServerSent {
  readonly id: string | undefined;
  readonly data: string;
}

/** Reads an event stream as the standard says (WHATWG HTML, section 9.2.6), without coming back by itself. */
export class EventReader {
  readonly status: number;
  readonly #abort: AbortController;
  readonly #body: AsyncIterator<Uint8Array>;
  readonly #decoder = new TextDecoder();
  #rest = "";

  private constructor(response: Response, abort: AbortController) {
    this.status = response.status;
    this.#abort = abort;
    this.#body = (response.body ?? new Blob([]).stream())[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  }

  static async open(url: string, lastEventId?: string): Promise<EventReader> {
    const abort = new AbortController();
    const headers = { accept: "text/event-stream", ...(lastEventId !== undefined && { "last-event-id": lastEventId }) };
    return new EventReader(await fetch(url, { headers, signal: abort.signal }), abort);
  }

  /** The next event; undefined at the end of the stream. */
  async next(): Promise<ServerSent | undefined> {
    for (;;) {
      const end = this.#rest.indexOf("\n\n");
      if (end >= 0) {
        const block = this.#rest.slice(0, end);
        this.#rest = this.#rest.slice(end + 2);
        const lines = block.split("\n").filter((line) => !line.startsWith(":"));
        if (lines.length === 0) continue;
        const values = (field: string): string[] =>
          lines.flatMap((line) => (line.startsWith(`${field}: `) ? [line.slice(field.length + 2)] : []));
        return { id: values("id")[0], data: values("data").join("\n") };
      }
      const { done, value } = await this.#body.next();
      if (done) return undefined;
      this.#rest += this.#decoder.decode(value, { stream: true });
    }
  }

  /** The next event of this type. */
  async type(type: string): Promise<ServerSent> {
    for (;;) {
      const event = await this.next();
      if (!event) throw new Error(`The stream ended without a ${type}`);
      if (JSON.parse(event.data).type === type) return event;
    }
  }

  close(): void {
    this.#abort.abort();
  }
}
