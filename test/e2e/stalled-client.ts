import net from "node:net";

/** A client over a bare socket that reads the first bytes, and then nothing until it is told to. */
export interface StalledClient {
  /** Reads on to the end of the connection, or to a close frame; resolves with all that came. */
  drain(): Promise<Buffer>;
  destroy(): void;
}

const upgrade =
  "upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/** A server's close frame with the code for slow readers (RFC 6455 section 5.5.1): 4008 is 0x0fa8. */
export const tooSlowFrame = Buffer.from([0x0f, 0xa8]);

export async function stallOn(baseUrl: string, path: string, kind: "websocket" | "events"): Promise<StalledClient> {
  const { hostname, port, host } = new URL(baseUrl);
  const socket = net.connect({ host: hostname, port: Number(port) });
  const chunks: Buffer[] = [];
  socket.on("error", () => {});
  const gone = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.write(`GET ${path} HTTP/1.1\r\nhost: ${host}\r\n${kind === "websocket" ? upgrade : ""}\r\n`);
  await new Promise<void>((resolve) => {
    socket.once("data", (chunk: Buffer) => {
      socket.pause();
      chunks.push(chunk);
      resolve();
    });
  });
  return {
    async drain() {
      const closed = new Promise<void>((resolve) => {
        socket.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          if (kind === "websocket" && chunk.subarray(-64).includes(tooSlowFrame)) resolve();
        });
      });
      socket.resume();
      await Promise.race([gone, closed]);
      return Buffer.concat(chunks);
    },
    destroy: () => void socket.destroy(),
  };
}
