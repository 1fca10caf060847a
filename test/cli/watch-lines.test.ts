import { expect, test } from "bun:test";
import { runtime } from "#runtime";
import { commands } from "../../src/cli/commands.ts";
import { runProgram } from "../../src/cli/program.ts";
import { eventually } from "../e2e/watch.ts";

test("what a reader has not taken does not gather: no frame is asked for before the one before has left", async () => {
  const encoder = new TextEncoder();
  const frames = Array.from({ length: 20 }, (_, i) => `id: e:${i + 1}\ndata: {"type":"QUEUE_UPDATE","n":${i + 1}}\n\n`);
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: () =>
      new Response(new ReadableStream({ start: (controller) => controller.enqueue(encoder.encode(frames.join(""))) }), {
        headers: { "content-type": "text/event-stream" },
      }),
  });
  const printed: string[] = [];
  let taken = Promise.withResolvers<void>();
  const stop = Promise.withResolvers<() => void>();
  const process = {
    ...runtime.process,
    env: { HOME: "/" },
    home: "/",
    cwd: "/",
    stdoutIsTerminal: false,
    stderrIsTerminal: false,
    stdout: (text: string) => void printed.push(text),
    stderr: () => true,
    stdoutTaken: () => taken.promise,
    onSignal: (_: string, handler: () => void) => stop.resolve(handler),
    onOutputClosed() {},
  };
  const words = ["watch", "--json", "--url", `http://127.0.0.1:${server.port}`];
  const ended = runProgram({ ...runtime, process }, commands, words);
  for (let expected = 1; expected <= 3; expected++) {
    await eventually(() => printed.length >= expected || undefined, `${expected} frames`);
    // Whatever else could be printed without waiting has been by now.
    await new Promise((resolve) => setImmediate(resolve));
    expect(printed.length).toBe(expected);
    const before = taken;
    taken = Promise.withResolvers();
    before.resolve();
  }
  // The end is not held up by a reader who takes nothing.
  (await stop.promise)();
  expect(await ended).toBe(0);
  await server.stop(true);
});
