import { afterAll, beforeAll, expect, test } from "bun:test";
import net from "node:net";
import { runtime } from "../../src/runtime/bun.ts";
import type { Listener } from "../../src/runtime/types.ts";

/** Bun counts in whole seconds, and looks every four. */
const times = { heartbeatS: 25, openMs: 300, idleS: 1 };
const slow = Promise.withResolvers<void>();
let server: Listener;

beforeAll(async () => {
  server = await runtime.serve({
    host: "127.0.0.1",
    port: 0,
    times,
    async fetch(request) {
      if (new URL(request.url).pathname === "/slow") await slow.promise;
      return new Response("here");
    },
  });
});
afterAll(() => server.stop(true));

/** A connection that asks once and then says nothing more. */
function ask(path: string): { readonly answered: Promise<string>; readonly ended: Promise<void> } {
  const answered = Promise.withResolvers<string>();
  const ended = Promise.withResolvers<void>();
  let text = "";
  net
    .connect(server.port, "127.0.0.1", function (this: net.Socket) {
      this.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    })
    .on("data", (data) => {
      text += data.toString();
      if (text.endsWith("here")) answered.resolve(text);
    })
    .on("close", () => {
      answered.resolve(text);
      ended.resolve();
    });
  return { answered: answered.promise, ended: ended.promise };
}

test("a GET is answered however long that takes; its connection is idle only from then on", async () => {
  const waiting = ask("/slow");
  // Asked later and answered at once: when this one is cut, the other has been silent for longer.
  const idle = ask("/quick");
  expect(await idle.answered).toStartWith("HTTP/1.1 200");
  await idle.ended;
  slow.resolve();
  expect(await waiting.answered).toStartWith("HTTP/1.1 200");
  await waiting.ended;
}, 30_000);
