import { afterEach, describe, expect, test } from "bun:test";
import type { Json } from "./http-client.ts";
import type { Launcher } from "./launcher.ts";
import type { Scene } from "./scene.ts";
import { listen, streamPath, useScene } from "./scene.ts";
import type { SocketClient } from "./socket-client.ts";
import type { StalledClient } from "./stalled-client.ts";
import { stallOn, tooSlowFrame } from "./stalled-client.ts";

const frameBytes = 60_000;
/** 24 MB: several times what two kernels' buffers, the runtime's and our own queue hold for one client. */
const framesMax = 400;

export function slowClientsSuite(launcher: Launcher): void {
  describe("the stream under slow clients", () => {
    const scene = useScene(launcher, { settings: { "stream.client_queue_bytes_max": "65536" } });
    const open: StalledClient[] = [];
    afterEach(() => {
      for (const client of open.splice(0)) client.destroy();
    });
    const paths = { websocket: streamPath, events: "/api/orchestrator/events" } as const;

    test.each(["websocket", "events"] as const)(
      "one that stalls on %s is dropped at its bound, and nobody else misses anything",
      async (kind) => {
        const good = await listen(scene);
        const before = await dropped(scene);
        const stalled = await stallOn(scene.gateway.baseUrl, paths[kind], kind);
        open.push(stalled);
        let sent = 0;
        while ((await dropped(scene)) === before && sent < framesMax) {
          for (let i = 0; i < 10; i++) {
            await say(scene, good, ++sent);
          }
        }
        expect(sent).toBeLessThan(framesMax);
        const numbers = good.texts(["QUEUE_UPDATE"]).map((text) => (JSON.parse(text) as { n: number }).n);
        expect(numbers).toEqual(Array.from({ length: sent }, (_, i) => i + 1));
        const heard = await stalled.drain();
        expect(heard.length).toBeLessThan(sent * frameBytes);
        // A WebSocket client that comes to its senses is told why; an event stream is cut and comes back by itself.
        if (kind === "websocket") expect(heard.subarray(-64).includes(tooSlowFrame)).toBe(true);
      },
    );

    test("one that was away for far more than its queue holds gets all of it", async () => {
      const good = await listen(scene, "?envelope=1");
      const from = (await mark(scene, good, "from")).id;
      for (let n = 1; n <= 100; n++) await say(scene, good, n);
      await mark(scene, good, "to");
      const back = await scene.socket(`${streamPath}?since=${from}`);
      await back.frame(({ mark: name }) => name === "to", "the last of it");
      const numbers = back.texts(["QUEUE_UPDATE"]).map((text) => (JSON.parse(text) as { n: number }).n);
      expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    });
  });
}

/** A frame that everything before it has come before; with its cursor. */
function mark(scene: Scene, client: SocketClient, name: string): Promise<Json> {
  scene.podium.emit(JSON.stringify({ type: "AGENT_STATUS", mark: name }));
  return client.frame(({ event }) => event.mark === name, `the mark "${name}"`);
}

/** One frame at a time: Deno takes nothing to the kernel before we are done, and a burst would be a slow client's. */
async function say(scene: Scene, good: SocketClient, n: number): Promise<void> {
  scene.podium.emit(numbered(n));
  await good.frame((frame) => (frame.event ?? frame).n === n, `frame ${n}`);
}

function numbered(n: number): string {
  return JSON.stringify({ type: "QUEUE_UPDATE", n, filler: "x".repeat(frameBytes) });
}

async function dropped(scene: Scene): Promise<number> {
  const { text } = await scene.get("/metrics");
  return Number(/^roxy_stream_dropped_clients_total (\d+)$/m.exec(text)?.[1]);
}
