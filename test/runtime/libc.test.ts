import { expect, test } from "bun:test";
import { isQuiet } from "../../src/runtime/libc.ts";

/** A connection of which nothing has been read by the loop that could have come meanwhile. */
async function connection() {
  const far = Promise.withResolvers<Bun.Socket>();
  const server = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { open: (socket) => far.resolve(socket), data() {} },
  });
  const near = await Bun.connect({ hostname: "127.0.0.1", port: server.port, socket: { data() {} } });
  const close = (): void => server.stop(true);
  return { fd: (near as unknown as { fd: number }).fd, far: await far.promise, close };
}

/** What the other end does reaches the kernel of the same machine at once; the loop can't have seen it in the same turn. */
test.each<[string, (far: Bun.Socket) => void]>([
  ["bytes", (far) => void far.write("HTTP/1.1 408 Request Timeout\r\n\r\n")],
  ["an end", (far) => far.shutdown()],
  ["a reset", (far) => far.terminate()],
])("%s that nobody has read make a connection loud", async (_name, speak) => {
  const { fd, far, close } = await connection();
  expect(isQuiet(fd)).toBe(true);
  speak(far);
  expect(isQuiet(fd)).toBe(false);
  close();
});

// The engine moves what an array holds when it has made the best of the code that uses it.
test("of two that are asked about often, each stays what it is", async () => {
  const [quiet, loud] = [await connection(), await connection()];
  loud.far.write("x");
  const wrong = [0, 0];
  for (let i = 0; i < 100_000; i++) {
    if (!isQuiet(quiet.fd)) wrong[0]!++;
    if (isQuiet(loud.fd)) wrong[1]!++;
  }
  expect(wrong).toEqual([0, 0]);
  for (const { close } of [quiet, loud]) close();
});

test("no descriptor is not quiet", () => {
  expect([isQuiet(-1), isQuiet(1_000_000)]).toEqual([false, false]);
});
