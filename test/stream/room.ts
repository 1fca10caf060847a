import type { PeerHandlers } from "../../src/runtime/types.ts";
import type { StreamContext, Wish } from "../../src/stream/client.ts";
import { streamClient } from "../../src/stream/client.ts";
import { Clients } from "../../src/stream/clients.ts";
import { gatewayStatus } from "../../src/stream/gateway-status.ts";
import type { StreamEvent } from "../../src/stream/hub.ts";
import { Hub } from "../../src/stream/hub.ts";
import type { JobView } from "../../src/stream/job-stream.ts";
import { renderEnvelope, renderPlain } from "../../src/stream/render.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { ScriptedPeer } from "./scripted-peer.ts";

export const createdAt = new Date(morning).toISOString();

export function roomOf(history = 100) {
  const clock = new FakeClock();
  const hub = new Hub({ clock, types: ["STORY_STATUS"], history });
  const snapshot = (): Promise<StreamEvent> => Promise.resolve(hub.own("SNAPSHOT", { podium: {} }));
  const upstream = gatewayStatus(hub, snapshot);
  const context: StreamContext = {
    hub,
    clients: new Clients({ clientsMax: 1000, perAddressMax: 1000 }),
    queueBytesMax: 1_000_000,
    terminalStatuses: new Set(["done", "failed"]),
    gatewayStatus: upstream.current,
    snapshot,
  };
  return { hub, upstream, context, clock };
}

/** A job as the log has it, of STORY-1 unless said otherwise; `change` writes on. */
export function jobOf(fields: Partial<JobView> = { storyId: "STORY-1" }) {
  const listeners = new Set<() => void>();
  let now: { known?: string; ending?: Record<string, unknown> } = {};
  const job: JobView = {
    since: () => createdAt,
    isMeant: () => true,
    stories: new Set(),
    known: () => (now.known === undefined ? [] : [{ at: createdAt, text: now.known }]),
    ending: () => now.ending,
    until: () => undefined,
    listen(changed) {
      listeners.add(changed);
      return () => void listeners.delete(changed);
    },
    ...fields,
  };
  const change = (next: typeof now): void => {
    now = next;
    for (const listener of listeners) listener();
  };
  return { job, change, listeners };
}

export interface Joined {
  readonly peer: ScriptedPeer;
  readonly handlers: PeerHandlers;
  types(): string[];
}

export function join(context: StreamContext, wish: Wish = {}, envelope = false): Joined {
  const peer = new ScriptedPeer();
  const handlers = streamClient(context, wish, envelope ? renderEnvelope(context.hub) : renderPlain);
  peer.onClose = (code) => handlers.close(peer, code);
  handlers.open(peer);
  return { peer, handlers, types: () => peer.heard.map((text) => (JSON.parse(text) as { type: string }).type) };
}

export const frame = (story: string, status: string): string =>
  JSON.stringify({ type: "STORY_STATUS", storyId: story, status });
