import { EventReader } from "./event-reader.ts";
import type { Json } from "./http-client.ts";
import { connectSocket } from "./socket-client.ts";
import { Watch } from "./watch.ts";

/** One thing that a stream told, with its cursor where it has one. */
export interface Told {
  readonly id: string | null;
  readonly event: Json;
}

/** A stream over either transport, as a client that keeps cursors sees it. */
export interface Feed {
  readonly told: readonly Told[];
  /** Resolves with the first thing that fits, now or later. */
  until(fits: (told: Told) => boolean, what: string): Promise<Told>;
  close(): void;
}

export type Transport = "websocket" | "events";

/** @param since cursor to resume after */
export function openFeed(baseUrl: string, transport: Transport, since?: string): Promise<Feed> {
  return transport === "websocket" ? overSocket(baseUrl, since) : overEvents(baseUrl, since);
}

async function overSocket(baseUrl: string, since?: string): Promise<Feed> {
  const query = since === undefined ? "" : `&since=${since}`;
  const url = `${baseUrl.replace(/^http/, "ws")}/api/orchestrator/stream?envelope=1${query}`;
  const client = await connectSocket(url);
  const read = (text: string): Told => JSON.parse(text) as Told;
  return {
    get told() {
      return client.frames.map(read);
    },
    until: async (fits, what) => (await client.frame((frame) => fits(frame as Told), what)) as Told,
    close: () => client.close(),
  };
}

async function overEvents(baseUrl: string, since?: string): Promise<Feed> {
  const reader = await EventReader.open(`${baseUrl}/api/orchestrator/events`, since);
  const told: Told[] = [];
  const watch = new Watch();
  const pump = async (): Promise<void> => {
    for (let event = await reader.next(); event; event = await reader.next()) {
      told.push({ id: event.id ?? null, event: JSON.parse(event.data) });
      watch.changed();
    }
  };
  // An end of the stream is the end of the pump: whoever waits in vain says for what.
  pump().catch(() => {});
  const said = (): string => JSON.stringify(told).slice(0, 5000);
  return {
    told,
    until: (fits, what) => watch.until(() => told.find(fits), what, said),
    close: () => reader.close(),
  };
}
