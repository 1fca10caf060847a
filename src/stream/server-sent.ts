import type { Peer, PeerHandlers } from "../runtime/types.ts";
import { heartbeatS } from "../runtime/types.ts";

/** Bytes that the runtime may hold for one client before our own queue takes over. */
const bufferBytesMax = 65_536;
/** Heartbeats that a client may leave untaken, as many as pings on a WebSocket. */
const missesMax = 2;

/**
 * A stream client over server-sent events, as the same kind of peer that a WebSocket is: what is sent counts as waiting
 * until the runtime has taken it.
 */
export function serverSentResponse(handlers: PeerHandlers): Response {
  const encoder = new TextEncoder();
  let peer: Peer;
  let heartbeat: ReturnType<typeof setInterval>;
  let ended = false;
  let sentBytes = 0;
  let takenBytes = 0;
  let misses = 0;
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
        peer = {
          send(text) {
            if (ended) return 0;
            const bytes = encoder.encode(text);
            sentBytes += bytes.length;
            controller.enqueue(bytes);
            return waiting();
          },
          close(code) {
            if (!ended) controller.close();
            end(code);
          },
          // A client that does not read would keep even a closed stream's connection for as long as it likes.
          terminate() {
            controller.error();
            end(1006);
          },
        };
        const beat = (): void => {
          const taken = sentBytes - waiting();
          misses = taken === sentBytes || taken > takenBytes ? 0 : misses + 1;
          takenBytes = taken;
          if (misses >= missesMax) peer.terminate();
          // A comment keeps proxies and the client's own idle timers quiet (section 9.2.7).
          else peer.send(": \n\n");
        };
        heartbeat = setInterval(beat, heartbeatS * 1000);
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
