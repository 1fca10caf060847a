import { answerCommands } from "./commands.ts";
import { messageAt } from "./http-wire.ts";
import { wallUs } from "./wall-clock.ts";

/**
 * Podium as every contender meets it: says yes to each command at once, over bare sockets so that it costs little, and
 * sends telemetry frames to whoever is connected to its WebSocket when it is told to.
 */

const yes = '{"success":true,"queued":true,"position":1}';
const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ${yes.length}\r\n\r\n${yes}`,
);
let commands = 0;

const http = Bun.listen<{ rest: Buffer }>({
  hostname: "127.0.0.1",
  port: 0,
  socket: {
    open: (socket) => void (socket.data = { rest: Buffer.alloc(0) }),
    data(socket, chunk) {
      let bytes = socket.data.rest.length === 0 ? chunk : Buffer.concat([socket.data.rest, chunk]);
      for (let message = messageAt(bytes); message; message = messageAt(bytes)) {
        bytes = bytes.subarray(message.totalBytes);
        commands++;
        socket.write(answer);
      }
      socket.data.rest = Buffer.from(bytes);
    },
  },
});

/** Each by the name that its URL gives it with `?who=`. */
interface Listener {
  readonly who: string | null;
}
const listeners = new Set<Bun.ServerWebSocket<Listener>>();
const telemetry = Bun.serve<Listener>({
  hostname: "127.0.0.1",
  port: 0,
  fetch(request, server) {
    const who = new URL(request.url).searchParams.get("who");
    return server.upgrade(request, { data: { who } }) ? undefined : new Response(null, { status: 400 });
  },
  websocket: {
    perMessageDeflate: false,
    open: (socket) => void listeners.add(socket),
    close: (socket) => void listeners.delete(socket),
    message() {},
  },
});

interface Frames {
  readonly perSecond: number;
  readonly ms: number;
  /** Only for the listener of this name: the others would take the machine away from the one that is measured. */
  readonly to?: string;
}

/** Bytes of a telemetry frame: a story's status with a name and a few numbers. */
const frameBytes = 200;

/** One frame, with the moment it was made at a fixed place. */
function frame(): string {
  const head = `{"at":"${String(wallUs()).padStart(16, "0")}","type":"STORY_STATUS","storyId":"STORY-001","status":"in_progress","note":"`;
  return `${head}${"x".repeat(frameBytes - head.length - 2)}"}`;
}

/** Sends at a steady rate whatever the listeners do: an upstream does not wait for its slowest reader. */
async function emit({ perSecond, ms, to }: Frames): Promise<{ sent: number }> {
  const started = performance.now();
  const total = Math.round((perSecond * ms) / 1000);
  for (let sent = 0; sent < total; sent++) {
    const wait = started + (sent * 1000) / perSecond - performance.now();
    if (wait > 0) await Bun.sleep(wait);
    const text = frame();
    for (const socket of listeners) if (to === undefined || socket.data.who === to) socket.send(text);
  }
  return { sent: total };
}

await answerCommands(
  { port: http.port, telemetryPort: telemetry.port, frameBytes },
  async ({ frames }: { frames?: Frames }) => (frames ? emit(frames) : { commands, listeners: listeners.size }),
);
