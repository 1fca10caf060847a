import net from "node:net";

export type Heard =
  | { readonly kind: "answer"; readonly status: number; readonly headers: Headers; readonly body: string }
  | { readonly kind: "closed" }
  | { readonly kind: "hang" };

/** The longest a request that is complete may take: Podium here answers at once. */
const hangMs = 5_000;

/** Writes these bytes on a connection of their own and listens to the first answer. */
export function speak(port: number, bytes: Uint8Array): Promise<Heard> {
  return new Promise((resolve) => {
    const socket = net.connect(port, "127.0.0.1");
    let said = Buffer.alloc(0);
    const end = (heard: Heard): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(heard);
    };
    const timer = setTimeout(() => end({ kind: "hang" }), hangMs);
    socket.on("data", (chunk: Buffer) => {
      said = Buffer.concat([said, chunk]);
      const answer = answerIn(said);
      if (answer) end(answer);
    });
    socket.on("error", () => end({ kind: "closed" }));
    socket.on("close", () => end({ kind: "closed" }));
    socket.write(bytes);
  });
}

/** The first answer, once it is whole; of one without an end, its head. */
function answerIn(bytes: Buffer): Heard | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const head = bytes.subarray(0, headEnd).toString("latin1");
  const status = Number(head.split(" ")[1]);
  const headers = new Headers();
  for (const [, name, value] of head.matchAll(/^([\w-]+): *(.*?)\r?$/gm)) headers.append(name!, value!);
  const field = (name: string): string => headers.get(name) ?? "";
  const type = field("content-type");
  const rest = bytes.subarray(headEnd + 4);
  const heard = (body: Buffer): Heard => ({ kind: "answer", status, headers, body: body.toString("utf8") });
  if (status === 101 || status === 204 || status === 304 || type.startsWith("text/event-stream")) return heard(rest);
  if (field("transfer-encoding") === "chunked") return rest.includes("0\r\n\r\n") ? heard(unchunked(rest)) : undefined;
  const length = field("content-length");
  if (length === "") return heard(rest);
  // An answer to HEAD promises a body that does not come.
  return rest.length >= Number(length) || rest.length === 0 ? heard(rest) : undefined;
}

function unchunked(bytes: Buffer): Buffer {
  const parts: Buffer[] = [];
  for (let at = 0; ;) {
    const end = bytes.indexOf("\r\n", at);
    const size = Number.parseInt(bytes.subarray(at, end).toString("latin1"), 16);
    if (end < 0 || !(size > 0)) return Buffer.concat(parts);
    parts.push(bytes.subarray(end + 2, end + 2 + size));
    at = end + 2 + size + 2;
  }
}
