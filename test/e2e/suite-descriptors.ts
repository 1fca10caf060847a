import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import type { Answer } from "./http-client.ts";
import { call } from "./http-client.ts";
import type { Gateway, Launcher } from "./launcher.ts";
import { removeRoot, startGateway } from "./launcher.ts";
import { PodiumStub } from "./podium-stub.ts";
import { dispatchCall, enqueueBody } from "./scene.ts";
import { eventually } from "./watch.ts";

const descriptors = 96;
const connections = 300;
/** What a polite client leaves open behind it for its next request. */
const look = "GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n";

const eventStream = "GET /api/orchestrator/events HTTP/1.1\r\nHost: localhost\r\nAccept: text/event-stream\r\n\r\n";

/** A flood of connections that say nothing, past what the process may open. */
export function descriptorsSuite(launcher: Launcher): void {
  describe("more connections than descriptors", () => {
    let podium: PodiumStub;
    let gateway: Gateway;
    beforeAll(async () => {
      podium = await PodiumStub.start();
      const command = ["sh", "-c", `ulimit -n ${descriptors}; exec "$@"`, "sh", ...launcher.command];
      gateway = await startGateway({ ...launcher, command }, { podiumUrl: podium.url });
    });
    afterAll(async () => {
      await gateway?.kill();
      await podium?.down();
      if (gateway) removeRoot(gateway.root);
    });

    // Deno closes no connection between two requests, and tells of none.
    test.skipIf(launcher.name === "deno")("a halt gets through while all of them are held open", async () => {
      const flood = floodOf(gateway.port, look);
      await Promise.all(flood.map(({ tried }) => tried));
      expect((await call(gateway.baseUrl, dispatchCall({ action: "halt" }))).status).toBe(200);
      expect(flood.filter(({ socket }) => !socket.destroyed).length).toBeGreaterThan(0);
      for (const { socket } of flood) socket.destroy();
    });

    // Deno closes no connection whose answer was a refusal.
    test.skipIf(launcher.name === "deno")("a halt gets through while streams hold all that they may", async () => {
      const flood = floodOf(gateway.port, eventStream);
      await Promise.all(flood.map(({ tried }) => tried));
      expect((await call(gateway.baseUrl, dispatchCall({ action: "halt" }))).status).toBe(200);
      const { text } = await call(gateway.baseUrl, { path: "/metrics" });
      expect(Number(/^roxy_stream_clients (\d+)$/m.exec(text)?.[1])).toBe((descriptors * 2) / 3);
      for (const { socket } of flood) socket.destroy();
    });

    test("do not end it: when they are gone it dispatches, and everything is on record", async () => {
      expect((await call(gateway.baseUrl, dispatchCall(enqueueBody("STORY-BEFORE")))).status).toBe(200);
      const flood = floodOf(gateway.port);
      await Promise.all(flood.map(({ tried }) => tried));
      for (const { socket } of flood) socket.destroy();
      const answered = (path: string): Promise<Answer | undefined> =>
        call(gateway.baseUrl, { path }).catch(() => undefined);
      await eventually(
        async () => ((await answered("/ready"))?.status === 200 ? true : undefined),
        "it to be ready again",
      );
      expect((await call(gateway.baseUrl, dispatchCall(enqueueBody("STORY-AFTER")))).status).toBe(200);
      const stories = podium.commands.map(({ body }) => JSON.parse(body).storyId).filter((id) => id !== undefined);
      expect(stories).toEqual(["STORY-BEFORE", "STORY-AFTER"]);
      expect(await gateway.stop()).toEqual({ code: 0, signal: null });
      expect(gateway.records().filter(({ event }) => event === "outcome")).toHaveLength(podium.commands.length);
    });
  });
}

/** Connections that are opened and held, after these words if any. */
function floodOf(port: number, words = ""): { readonly socket: net.Socket; readonly tried: Promise<void> }[] {
  return Array.from({ length: connections }, () => {
    const socket = net.connect(port, "127.0.0.1", () => void socket.write(words));
    // What comes of each is not the point; that they all were tried is.
    const tried = new Promise<void>((resolve) => {
      for (const event of ["connect", "error", "close"]) socket.once(event, () => resolve());
      socket.on("error", () => {});
    });
    socket.resume();
    return { socket, tried };
  });
}
