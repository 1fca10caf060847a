import type { Hub, StreamEvent } from "./hub.ts";

/** How an event looks to one kind of client. */
export type Render = (event: StreamEvent) => string;

/** Podium's bytes and nothing else. */
export const renderPlain: Render = (event) => event.text;

/** `{"id":"<epoch>:<seq>","at":…,"event":<frame>}`: the frame spliced in, never printed anew. */
export function renderEnvelope(hub: Hub): Render {
  return (event) => {
    const id = idOf(hub, event);
    return `{"id":${id === undefined ? "null" : `"${id}"`},"at":"${event.at}","event":${event.text}}`;
  };
}

/**
 * Server-sent events (WHATWG HTML, section 9.2). No `event:` field, so that `onmessage` hears everything; the frame's own
 * `type` tells. A line break inside a frame is JSON white space and becomes a `data:` line of its own.
 */
export function renderServerSent(hub: Hub, inner: Render): Render {
  return (event) => {
    const data = inner(event).replaceAll(/\r\n|\r|\n/g, "\ndata: ");
    const id = idOf(hub, event);
    return id === undefined ? `data: ${data}\n\n` : `id: ${id}\ndata: ${data}\n\n`;
  };
}

/**
 * The cursor to resume after. One of our own frames, which are not part of the sequence, has the place that its client has
 * reached when it comes; none where the client has not caught up with it, or is told what is older. The last frame of a job
 * says that it is: whoever comes back with it has heard the end.
 */
function idOf(hub: Hub, { seq, position, isLast }: StreamEvent): string | undefined {
  const reached = seq > 0 ? seq : position;
  return reached === undefined ? undefined : `${hub.epoch}:${reached}${isLast ? ":end" : ""}`;
}
