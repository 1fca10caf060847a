import type { Peer, PeerHandlers } from "../runtime/types.ts";
import { heartbeatS } from "../runtime/types.ts";

/** Bytes that the runtime may hold for one client before our own queue takes over. */
const bufferBytesMax = 65_536;

/**
 * A stream client over server-sent events, as the same kind of peer that a WebSocket is: what is sent counts as waiting
 * until the runtime has taken it.
 */
export function serverSentResponse(handlers: PeerHandlers): Response {
  const encoder = new TextEncoder();
  let peer: Peer;
  let heartbeat: ReturnType<typeof setInterval>;
  let ended = false;
  const end = (code: number): void => {
    if (ended) return;
    ended = true;
    clearInterval(heartbeat);
    handlers.close(peer, code);
  };
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const waiting = (): number => Math.max(0, bufferBytesMax - (controller.desiredSize ?? bufferBytesMax));
        const close = (code: number): void => {
          if (!ended) controller.close();
          end(code);
        };
        peer = {
          send(text) {
            if (!ended) controller.enqueue(encoder.encode(text));
            return waiting();
          },
          close,
          terminate: () => close(1006),
        };
        // A comment keeps proxies and the client's own idle timers quiet (section 9.2.7).
        heartbeat = setInterval(() => peer.send(": \n\n"), heartbeatS * 1000);
        peer.send(": \n\n");
        handlers.open(peer);
      },
      pull: () => handlers.drain(peer),
      cancel: () => end(1001),
    },
    { highWaterMark: bufferBytesMax, size: (chunk) => chunk?.length ?? 0 },
  );
  return new Response(body, { headers: { "content-type": "text/event-stream", "cache-control": "no-cache" } });
}
