import { runtime } from "#runtime";
import type { SocketTimes } from "../../src/runtime/types.ts";

/**
 * Serves WebSockets on whichever runtime starts it: `/busy` is talked to all the time, any other path never. Its argument
 * is a {@link SocketTimes} as JSON. One JSON object a line on standard output: the port, then what happens to clients.
 */
const times = JSON.parse(runtime.process.args[0]!) as SocketTimes;
const say = (words: object): void => runtime.process.stdout(`${JSON.stringify(words)}\n`);

const listener = await runtime.serve({
  host: "127.0.0.1",
  port: 0,
  times,
  fetch(request, connection) {
    let talk: ReturnType<typeof setInterval> | undefined;
    const isBusy = new URL(request.url).pathname === "/busy";
    const upgraded = connection.upgrade({
      open(peer) {
        say({ event: "open" });
        if (isBusy) talk = setInterval(() => peer.send("busy"), 10);
      },
      message() {},
      drain() {},
      close(_, code) {
        clearInterval(talk);
        say({ event: "close", code });
      },
    });
    say({ event: "upgrade" });
    return upgraded!;
  },
});
say({ port: listener.port });
