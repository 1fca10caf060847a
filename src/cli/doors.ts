import type { Config } from "../config/schema.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import type { Listener, Runtime, ServeOptions } from "../runtime/types.ts";
import { claimSocket } from "./socket-file.ts";

/** Where clients come in: a TCP port, a unix socket, or both. What is asked and answered is the same on each. */
export interface Doors {
  /** 0 without TCP. */
  readonly port: number;
  /** For people and for `--url`: `http://127.0.0.1:8000`, `unix:/run/roxy.sock`. */
  readonly urls: readonly string[];
  /** As a {@link Listener}'s. */
  stop(force: boolean): Promise<void>;
}

/** @throws Fatal when one of them can't be opened; then none is open */
export async function openDoors(
  runtime: Runtime,
  listen: Config["listen"],
  fetch: ServeOptions["fetch"],
): Promise<Doors> {
  const tcp = listen.tcp ? await openPort(runtime, listen, fetch) : undefined;
  const socket =
    listen.socket === undefined ? undefined : await openSocket(runtime, listen.socket, fetch).catch(closing(tcp));
  const open = [tcp, socket].filter((listener) => listener !== undefined);
  return {
    port: tcp?.port ?? 0,
    urls: [...(tcp ? [tcpUrl(tcp)] : []), ...(listen.socket === undefined ? [] : [`unix:${listen.socket}`])],
    async stop(force) {
      await Promise.all(open.map((listener) => listener.stop(force)));
    },
  };
}

function closing(other: Listener | undefined): (error: unknown) => Promise<never> {
  return async (error) => {
    await other?.stop(true);
    throw error;
  };
}

const notHere = "that is no address of this machine, nor a name of one. Choose another --host";
/** Of bind(2), and of a name that leads nowhere. */
const portWords: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program does already. Stop it, or choose another --port",
  EADDRNOTAVAIL: notHere,
  ENOTFOUND: notHere,
};

async function openPort(
  runtime: Runtime,
  { host, port }: Config["listen"],
  fetch: ServeOptions["fetch"],
): Promise<Listener> {
  try {
    return await runtime.serve({ host, port, fetch });
  } catch (error) {
    const why = portWords[String((error as { code?: unknown }).code)] ?? messageOf(error);
    throw new Fatal(`Cannot listen on ${authority(host, port)}: ${why}`);
  }
}

async function openSocket(runtime: Runtime, socket: string, fetch: ServeOptions["fetch"]): Promise<Listener> {
  const claim = await claimSocket(runtime, socket);
  let listener: Listener | undefined;
  try {
    listener = await runtime.serve({ socket, fetch });
    claim.check();
  } catch (error) {
    await listener?.stop(true);
    claim.release();
    throw error instanceof Fatal ? error : new Fatal(`Cannot listen on ${socket} (listen.socket): ${messageOf(error)}`);
  }
  const { stop } = listener;
  return {
    ...listener,
    async stop(force) {
      await stop(force);
      if (force) claim.release();
    },
  };
}

function tcpUrl({ host, port }: Listener): string {
  return `http://${authority(host, port)}`;
}

/** As it stands in a URL. */
function authority(host: string, port: number): string {
  return `${host.includes(":") && !host.startsWith("[") ? `[${host}]` : host}:${port}`;
}
