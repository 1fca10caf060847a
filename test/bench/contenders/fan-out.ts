import { answerCommands } from "./commands.ts";

/** The limit of a stream: one upstream socket, and a loop over the clients for each of its frames. */

const clients = new Set<Bun.ServerWebSocket<unknown>>();
const server = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  development: false,
  fetch: (request, self) => (self.upgrade(request) ? undefined : new Response(null, { status: 400 })),
  websocket: {
    perMessageDeflate: false,
    open: (socket) => void clients.add(socket),
    close: (socket) => void clients.delete(socket),
    message() {},
  },
});

const upstream = new WebSocket(`ws://127.0.0.1:${process.argv[2]}/ws?who=bare`);
upstream.addEventListener("message", ({ data }) => {
  for (const client of clients) client.send(data as string);
});

await answerCommands({ port: server.port }, () => Promise.resolve({}));
