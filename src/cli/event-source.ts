/** One server-sent event. */
export interface ServerEvent {
  readonly id: string | undefined;
  readonly data: string;
}

/** Podium's frames are 1 MiB at most; a stream that sends more than this without an end of line is not ours. */
const bufferLengthMax = 8 * 1024 * 1024;

/**
 * Reads server-sent events (WHATWG HTML, section 9.2.6) as far as our server writes them: `id` and `data` fields,
 * comments, any of the three line ends. Data lines are joined by a line feed.
 */
export async function* serverEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  let id: string | undefined;
  let data: string[] = [];
  for await (const line of lines(chunks)) {
    if (line === "") {
      if (data.length > 0) yield { id, data: data.join("\n") };
      [id, data] = [undefined, []];
    } else if (line.startsWith("data:")) data.push(valueOf(line, 5));
    else if (line.startsWith("id:")) id = valueOf(line, 3);
  }
}

function valueOf(line: string, from: number): string {
  return line.startsWith(" ", from) ? line.slice(from + 1) : line.slice(from);
}

async function* lines(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of chunks) {
    rest += decoder.decode(chunk, { stream: true });
    if (rest.length > bufferLengthMax) throw new Error("The event stream sends lines without an end");
    // A carriage return at the very end may be half of a line end.
    const held = rest.endsWith("\r") ? "\r" : "";
    const whole = rest.slice(0, rest.length - held.length).split(/\r\n|\r|\n/);
    rest = (whole.pop() ?? "") + held;
    yield* whole;
  }
}
