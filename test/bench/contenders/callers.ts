import { answerCommands } from "./commands.ts";
import { messageAt } from "./http-wire.ts";

/**
 * The load: any number of callers, each with a connection of its own, each sending its next dispatch when it has the
 * answer to the last. Bare sockets and requests written once, so that it takes little of the machine it measures.
 */

interface Load {
  readonly port: number;
  readonly path: string;
  readonly callers: number;
  readonly warmMs: number;
  readonly ms: number;
}

interface Caller {
  readonly request: Buffer;
  sentAt: number;
  rest: Buffer | undefined;
}

const digits = 9;
/** Never twice the same story in one run: the cooldown is about stories. */
let story = process.pid * 1_000;

function requestFor({ port, path }: Load): { bytes: Buffer; numberAt: number } {
  const before = '{"action":"enqueue_story","payload":{"story_id":"STORY-';
  const body = `${before}${"0".repeat(digits)}"},"source":"bench"}`;
  const head =
    `POST ${path} HTTP/1.1\r\nhost: 127.0.0.1:${port}\r\ncontent-type: application/json\r\n` +
    `content-length: ${body.length}\r\n\r\n`;
  return { bytes: Buffer.from(head + body), numberAt: head.length + before.length };
}

async function run(load: Load): Promise<unknown> {
  const { bytes, numberAt } = requestFor(load);
  const latencies: number[] = [];
  const cpu = process.cpuUsage();
  const started = performance.now();
  const from = started + load.warmMs;
  const until = from + load.ms;
  let inFlight = load.callers;
  let wrong: string | undefined;
  const done = Promise.withResolvers<void>();
  const sockets: Bun.Socket<Caller>[] = [];
  const end = (): void => {
    if (--inFlight === 0) done.resolve();
  };
  const send = (socket: Bun.Socket<Caller>): void => {
    const { request } = socket.data;
    request.write(String(++story).padStart(digits, "0"), numberAt, "latin1");
    socket.data.sentAt = performance.now();
    socket.write(request);
  };
  const take = (socket: Bun.Socket<Caller>, chunk: Buffer): void => {
    const { rest } = socket.data;
    const answer = rest ? Buffer.concat([rest, chunk]) : chunk;
    const message = messageAt(answer);
    socket.data.rest = message ? undefined : Buffer.from(answer);
    if (!message) return;
    const now = performance.now();
    if (answer[9] !== 0x32) wrong ??= answer.toString();
    if (now > from && now <= until) latencies.push(now - socket.data.sentAt);
    if (now < until && wrong === undefined) send(socket);
    else end();
  };
  for (let i = 0; i < load.callers; i++) {
    const data: Caller = { request: Buffer.from(bytes), sentAt: 0, rest: undefined };
    const lost = (why: string): void => {
      wrong ??= why;
      end();
    };
    const socket = await Bun.connect<Caller>({
      hostname: "127.0.0.1",
      port: load.port,
      data,
      socket: {
        data: take,
        close: () => void (performance.now() < until && lost("the connection was closed")),
        error: (_, e) => lost(e.message),
      },
    });
    sockets.push(socket);
  }
  for (const socket of sockets) send(socket);
  await Promise.race([done.promise, Bun.sleep(load.warmMs + load.ms + 10_000)]);
  for (const socket of sockets) socket.end();
  const used = process.cpuUsage(cpu);
  return { ...summary(latencies, load.ms), wrong, unanswered: inFlight, cpuMs: (used.user + used.system) / 1000 };
}

function summary(latencies: number[], ms: number): Record<string, number> {
  const sorted = Float64Array.from(latencies).toSorted();
  const at = (share: number): number =>
    (sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN) * 1000;
  return { count: sorted.length, perSecond: (sorted.length * 1000) / ms, p50Us: at(0.5), p99Us: at(0.99) };
}

await answerCommands({}, run);
