import { expect, jest, test } from "bun:test";
import { UpstreamSocket } from "../../src/podium/upstream-socket.ts";
import { telemetryServer } from "./raw-telemetry.ts";
import { cleanUp, secretToken, serve, watch } from "./watched-telemetry.ts";

cleanUp();

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("frames come as they were sent, in order, and the token goes where Podium looks for it", async () => {
  const server = await serve();
  const { telemetry, frames, states, frame } = watch(`${server.url}?room=1`);
  telemetry.start();
  const line = await server.next();
  expect(line.handshake).toStartWith(`GET /ws?room=1&token=${secretToken} HTTP/1.1`);
  line.text('{"type":"A", "n":1.0}', '{"type":"B","text":"ä\\u0000"}');
  await frame();
  line.fragments('{"type":', '"C"', "}");
  await frame();
  if (frames.length < 3) await frame();
  expect(frames).toEqual(['{"type":"A", "n":1.0}', '{"type":"B","text":"ä\\u0000"}', '{"type":"C"}']);
  expect(states).toEqual(["connecting", "connected"]);
});

test("without a token none is said", async () => {
  const server = await serve();
  const { telemetry } = watch(server.url, { token: () => Promise.resolve(undefined) });
  telemetry.start();
  expect((await server.next()).handshake).toStartWith("GET /ws HTTP/1.1");
});

test("starting twice makes one connection", async () => {
  const server = await serve();
  const { telemetry, state, frame } = watch(server.url);
  const connected = state("connected");
  telemetry.start();
  telemetry.start();
  await connected;
  telemetry.start();
  server.lines[0]!.text("{}");
  await frame();
  expect([server.connections(), telemetry.state]).toEqual([1, "connected"]);
});

test("stopped while its token is being made, it makes no connection", async () => {
  const server = await serve();
  const token = Promise.withResolvers<string>();
  const { telemetry } = watch(server.url, { token: () => token.promise });
  telemetry.start();
  telemetry.stop();
  token.resolve(secretToken);
  await turn();
  const other = watch(server.url);
  other.telemetry.start();
  await server.next();
  expect(server.connections()).toBe(1);
});

test("stopped and started while its token is being made, it still makes one connection", async () => {
  const server = await serve();
  const tokens = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
  let asked = 0;
  const { telemetry, state } = watch(server.url, { token: () => tokens[asked++]!.promise });
  const connected = state("connected");
  telemetry.start();
  telemetry.stop();
  telemetry.start();
  for (const token of tokens) token.resolve(secretToken);
  await connected;
  expect([asked, server.connections()]).toEqual([2, 1]);
});

test("a binary frame is not passed on but said, and harms nothing", async () => {
  const server = await serve();
  const { telemetry, frames, faults, frame } = watch(server.url);
  telemetry.start();
  const line = await server.next();
  line.binary(new TextEncoder().encode('{"type":"A"}'));
  line.text('{"type":"B"}');
  await frame();
  expect([frames, faults]).toEqual([['{"type":"B"}'], ["binary"]]);
});

test("a byte order mark stays: the bytes are Podium's, and what is no JSON with it is not made into some", async () => {
  const server = await serve();
  const { telemetry, frames, frame } = watch(server.url);
  telemetry.start();
  (await server.next()).text('\ufeff{"type":"A"}');
  await frame();
  expect(frames).toEqual(['\ufeff{"type":"A"}']);
});

test("text that is not UTF-8 is garbage: it is not passed on, and the stream goes on", async () => {
  const server = await serve();
  const { telemetry, frames, faults, state, frame } = watch(server.url);
  telemetry.start();
  const lost = state("disconnected");
  (await server.next()).raw(Uint8Array.of(0x81, 2, 0xc3, 0x28));
  expect(await lost).toBe("text that is not UTF-8");
  expect([frames, faults]).toEqual([[], ["garbage"]]);
  (await server.next()).text('{"type":"B"}');
  await frame();
  expect(frames).toEqual(['{"type":"B"}']);
});

test("a frame past 1 MiB is a fault: it is not passed on, and the stream goes on", async () => {
  const server = await serve();
  const { telemetry, frames, faults, state, frame } = watch(server.url);
  telemetry.start();
  const lost = state("disconnected");
  (await server.next()).text(JSON.stringify({ type: "A", text: "x".repeat(1_048_576) }));
  expect(await lost).toBe("a frame longer than 1 MiB");
  expect([frames, faults]).toEqual([[], ["oversized"]]);
  (await server.next()).text('{"type":"B"}');
  await frame();
  expect(frames).toEqual(['{"type":"B"}']);
});

test("after stop not even frames that have arrived already are passed on", async () => {
  const server = await serve();
  const watched = watch(server.url, { onFrame: () => watched.telemetry.stop() });
  watched.telemetry.start();
  const line = await server.next();
  line.text('{"type":"A"}', '{"type":"B"}', '{"type":"C"}');
  await line.gone;
  expect(watched.frames).toEqual(['{"type":"A"}']);
});

test.each(["close", "terminate"] as const)(
  "after its %s nothing is heard of a connection, whatever still comes",
  async (end) => {
    const server = await serve();
    const heard: string[] = [];
    const socket = new UpstreamSocket(new URL(server.url), {
      onOpen() {},
      onText(text) {
        heard.push(text);
        socket[end]();
      },
      onFault: (fault) => void heard.push(fault),
      onEnd: (detail) => void heard.push(detail),
    });
    const line = await server.next();
    line.text("1", "2", "3");
    await line.gone;
    await turn();
    expect(heard).toEqual(["1"]);
  },
);

test("Podium's pings are answered", async () => {
  const server = await serve();
  const { telemetry } = watch(server.url);
  telemetry.start();
  await (await server.next()).ask("are you there?");
});

test("it says when all has been heard that Podium had sent, and does not pretend it without a connection", async () => {
  const server = await serve();
  const { telemetry, frames, state } = watch(server.url);
  expect(await telemetry.flushed()).toBe(false);
  const connected = state("connected");
  telemetry.start();
  const line = await server.next();
  await connected;
  line.text("1", "2", "3");
  expect([await telemetry.flushed(), frames]).toEqual([true, ["1", "2", "3"]]);
  line.holdPongs();
  const flushed = telemetry.flushed();
  while (line.pings < 2) await server.ping();
  line.drop();
  expect(await flushed).toBe(false);
});

test("while the handshake waits for its answer, nothing that was sent can have been heard", async () => {
  const server = await serve({ refusal: "" });
  const { telemetry } = watch(server.url);
  telemetry.start();
  await turn();
  expect(await telemetry.flushed()).toBe(false);
});

test("whoever is told of a loss may stop it: nothing is made again", async () => {
  jest.useFakeTimers();
  const server = await serve();
  const { telemetry, state } = watch(server.url, {
    random: () => 0.5,
    onState: (now) => void (now === "disconnected" && telemetry.stop()),
  });
  const lost = state("disconnected");
  telemetry.start();
  (await server.next()).drop();
  await lost;
  expect(jest.getTimerCount()).toBe(0);
});

test("a lost connection is said, and made again", async () => {
  const server = await serve();
  const { telemetry, states, state, frame } = watch(server.url);
  telemetry.start();
  const lost = state("disconnected");
  (await server.next()).close(1001);
  expect(await lost).toBe("closed with code 1001");
  (await server.next()).text('{"type":"A"}');
  expect(await frame()).toBe('{"type":"A"}');
  expect(states).toEqual(["connecting", "connected", "disconnected: closed with code 1001", "connecting", "connected"]);
});

test("a connection that vanishes is made again", async () => {
  const server = await serve();
  const { telemetry } = watch(server.url);
  telemetry.start();
  (await server.next()).drop();
  await server.next();
  expect(server.lines).toHaveLength(2);
});

test.each([
  ["401", "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n"],
  ["500", "HTTP/1.1 500 Oops\r\ncontent-length: 4\r\n\r\noops"],
  ["a redirect", "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n"],
  ["garbage", "SSH-2.0-OpenSSH_9.2\r\n\r\n"],
  ["a wrong proof", "HTTP/1.1 101 Hi\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: x\r\n\r\n"],
])("a handshake answered with %s is a lost connection, and the token stays unsaid", async (_name, refusal) => {
  const server = await serve({ refusal });
  const { telemetry, states, state } = watch(server.url);
  const lost = state("disconnected");
  telemetry.start();
  await lost;
  telemetry.stop();
  expect(states).not.toContain("connected");
  expect(states.join("\n")).not.toContain(secretToken);
});

test("waits between connections grow to 10 s, each drawn from its whole bound", async () => {
  jest.useFakeTimers();
  const server = await telemetryServer();
  await server.stop();
  for (const drawn of [0, 0.5, 0.999]) {
    const { telemetry, states, state } = watch(server.url, { random: () => drawn });
    let lost = state("disconnected");
    telemetry.start();
    for (const bound of [250, 500, 1000, 2000, 4000, 8000, 10_000, 10_000]) {
      await lost;
      lost = state("disconnected");
      const delay = Math.floor(drawn * bound);
      if (delay > 0) jest.advanceTimersByTime(delay - 1);
      expect(states.at(-1)).toStartWith("disconnected");
      jest.advanceTimersByTime(1);
      expect(states.at(-1)).toBe("connecting");
    }
    telemetry.stop();
  }
});

test("a good connection makes the next wait short again", async () => {
  jest.useFakeTimers();
  const server = await serve();
  const { telemetry, states, state } = watch(server.url, { random: () => 0.999 });
  let connected = state("connected");
  telemetry.start();
  for (let i = 0; i < 5; i++) {
    await connected;
    jest.advanceTimersByTime(10_000);
    const lost = state("disconnected");
    server.lines[i]!.drop();
    await lost;
    connected = state("connected");
    jest.advanceTimersByTime(249);
    expect(states.at(-1)).toBe("connecting");
  }
});

test("a handshake without an answer is given up after 10 s", async () => {
  jest.useFakeTimers();
  const server = await serve({ refusal: "" });
  const { telemetry, states, state } = watch(server.url, { random: () => 0.5 });
  const lost = state("disconnected");
  telemetry.start();
  // The socket is made one turn later, when its token is there.
  await new Promise((resolve) => setImmediate(resolve));
  jest.advanceTimersByTime(9_999);
  expect(states).toEqual(["connecting"]);
  jest.advanceTimersByTime(1);
  expect(await lost).toBe("no answer to the handshake");
});

test("two pings without an answer end a half-open connection", async () => {
  jest.useFakeTimers();
  const server = await serve({ answersPings: false });
  const { telemetry, states, state } = watch(server.url, { random: () => 0.5 });
  const connected = state("connected");
  telemetry.start();
  await connected;
  for (let i = 0; i < 2; i++) {
    const ping = server.ping();
    jest.advanceTimersByTime(25_000);
    await ping;
  }
  expect(states).toEqual(["connecting", "connected"]);
  jest.advanceTimersByTime(25_000);
  expect(states.at(-1)).toBe("disconnected: silent: two pings without an answer");
  await server.lines[0]!.gone;
});

test("a Podium that answers pings is never called silent", async () => {
  jest.useFakeTimers();
  const server = await serve();
  const { telemetry, states, state, frame } = watch(server.url);
  const connected = state("connected");
  telemetry.start();
  await connected;
  const line = server.lines[0]!;
  for (let i = 0; i < 5; i++) {
    const ping = server.ping();
    jest.advanceTimersByTime(25_000);
    await ping;
    // The pong stands before this frame on the same line.
    const said = frame();
    line.text("{}");
    await said;
  }
  expect(states).toEqual(["connecting", "connected"]);
});

test.each(["connecting", "connected", "disconnected"] as const)("stop while %s leaves nothing", async (moment) => {
  jest.useFakeTimers();
  const server = await serve(moment === "connecting" ? { refusal: "" } : {});
  const { telemetry, states, state } = watch(server.url, { random: () => 0.5 });
  const reached = state(moment);
  telemetry.start();
  if (moment === "disconnected") void server.next().then((line) => line.close(1001));
  await reached;
  if (moment === "connecting") await new Promise((resolve) => setImmediate(resolve));
  telemetry.stop();
  const before = [...states];
  if (moment === "connected") await server.lines[0]!.gone;
  jest.advanceTimersByTime(60_000);
  await new Promise((resolve) => setImmediate(resolve));
  expect(states).toEqual(before);
  expect(jest.getTimerCount()).toBe(0);
  expect(server.connections()).toBeLessThanOrEqual(1);
});
