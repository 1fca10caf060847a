import type { Json } from "./http-client.ts";
import { patienceMs, Watch } from "./watch.ts";

/** A WebSocket client that keeps what it got. */
export interface SocketClient {
  /** Text frames in order, as they came. */
  readonly frames: readonly string[];
  /** The first frame that fits, now or later. */
  frame(fits: (frame: Json, text: string) => boolean, what: string): Promise<Json>;
  /** The frames of these types, in order, as they came. */
  texts(types?: readonly string[]): string[];
  readonly closed: Promise<{ code: number; reason: string }>;
  send(text: string): void;
  close(): void;
}

/** Resolves when the connection is open. */
export function connectSocket(url: string): Promise<SocketClient> {
  const frames: string[] = [];
  const watch = new Watch();
  const socket = new WebSocket(url);
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.addEventListener("close", ({ code, reason }) => resolve({ code, reason }));
  });
  socket.addEventListener("message", ({ data }) => {
    frames.push(String(data));
    watch.changed();
  });
  const client: SocketClient = {
    frames,
    frame: (fits, what) =>
      watch.until(
        () => frames.map((text) => ({ text, frame: JSON.parse(text) })).find((f) => fits(f.frame, f.text))?.frame,
        what,
        () => `Frames so far:\n${frames.map((text) => text.slice(0, 300)).join("\n")}`,
      ),
    texts: (types) => frames.filter((text) => !types || types.includes((JSON.parse(text) as { type: string }).type)),
    closed,
    send: (text) => socket.send(text),
    close: () => socket.close(),
  };
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error(`${url} did not open in ${patienceMs} ms`)), patienceMs);
    socket.addEventListener("open", () => {
      clearTimeout(timer);
      resolve(client);
    });
    void closed.then(({ code }) => reject(new Error(`${url} closed with ${code} before it opened`)));
  });
}
