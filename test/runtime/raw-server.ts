import net from "node:net";
import tls from "node:tls";

/** What a raw server does with a request that has arrived whole. */
export type Answering = (socket: net.Socket) => void;

export interface RawServer {
  readonly url: string;
  readonly port: number;
  /** Each request as it came, head and body. */
  readonly requests: string[];
  /** Connections, whether or not a request came over them. */
  connections(): number;
  /** That have come in, of whatever kind. */
  bytes(): number;
  /** Called for each connection that has ended. */
  onClosed?: () => void;
  close(): Promise<void>;
}

/** What a server shows over TLS, as PEM. */
export interface Identity {
  readonly key: string;
  readonly cert: string;
}

/** A server that speaks bytes, not HTTP: it can break every rule. */
export async function rawServer(answer: Answering, onConnect?: Answering, identity?: Identity): Promise<RawServer> {
  const requests: string[] = [];
  const sockets = new Set<net.Socket>();
  let connections = 0;
  let bytes = 0;
  const take = (socket: net.Socket): void => {
    connections++;
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      self.onClosed?.();
    });
    onConnect?.(socket);
    let text = "";
    socket.on("data", (chunk) => {
      bytes += chunk.length;
      text += chunk.toString("latin1");
      if (!isWhole(text)) return;
      requests.push(text);
      text = "";
      answer(socket);
    });
  };
  const server = identity ? tls.createServer(identity, take) : net.createServer(take);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as net.AddressInfo;
  const self: RawServer = {
    url: `${identity ? "https" : "http"}://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    bytes: () => bytes,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return self;
}

function isWhole(text: string): boolean {
  const headEnd = text.indexOf("\r\n\r\n");
  if (headEnd < 0) return false;
  const length = /^content-length: *(\d+)/im.exec(text.slice(0, headEnd))?.[1] ?? "0";
  return text.length >= headEnd + 4 + Number(length);
}

/** A port on which nothing listens. */
export async function refusedPort(): Promise<number> {
  const server = await rawServer(() => {});
  await server.close();
  return server.port;
}
