import type { Hub, StreamEvent } from "./hub.ts";

/** How an event looks to one kind of client. */
export type Render = (event: StreamEvent) => string;

/** Podium's bytes and nothing else. */
export const renderPlain: Render = (event) => event.text;

/** `{"id":"<epoch>:<seq>","at":…,"event":<frame>}`: the frame spliced in, never printed anew. */
export function renderEnvelope(hub: Hub): Render {
  return (event) => `{"id":${idOf(hub, event)},"at":"${event.at}","event":${event.text}}`;
}

/**
 * Server-sent events (WHATWG HTML, section 9.2). No `event:` field, so that `onmessage` hears everything; the frame's own
 * `type` tells. A line break inside a frame is JSON white space and becomes a `data:` line of its own.
 */
export function renderServerSent(hub: Hub, inner: Render): Render {
  return (event) => {
    const data = inner(event).replaceAll(/\r\n|\r|\n/g, "\ndata: ");
    const position = event.seq > 0 ? event.seq : event.position;
    return position === undefined ? `data: ${data}\n\n` : `id: ${hub.epoch}:${position}\ndata: ${data}\n\n`;
  };
}

/** Our own frames are not part of the sequence: their id is null. */
function idOf(hub: Hub, event: StreamEvent): string {
  return event.seq > 0 ? `"${hub.epoch}:${event.seq}"` : "null";
}
