import { describe, expect, test } from "bun:test";
import type { Json } from "./http-client.ts";
import { verifyToken } from "./jwt.ts";
import type { Launcher } from "./launcher.ts";
import type { Scene } from "./scene.ts";
import { listen, secret, streamPath, useScene } from "./scene.ts";
import type { SocketClient } from "./socket-client.ts";
import { eventually } from "./watch.ts";

/** Frames that printing again would change. */
const odd = [
  '{ "type" : "STORY_STATUS","storyId":"S-1", "progress":1.0 }',
  '{"n":12345678901234567890,"type":"QUEUE_UPDATE","10":1,"2":2,"s":"\\u0041\\/é\\ud83d\\ude00"}',
  '{"type":"AGENT_STATUS",\n  "agents":[ ],"agents":[1e2,-0]}',
  `{"type":"QUEUE_UPDATE","long":"${"ä".repeat(50_000)}"}`,
];

export function streamSuite(launcher: Launcher): void {
  describe("the stream", () => {
    const scene = useScene(launcher);
    bytes(scene);
    wishes(scene);
    upstream(scene);
    goodbye(scene);
  });
  describe("the stream under a token that expires", () => renewal(launcher));
}

/** Everything up to this frame has arrived when it has. */
async function mark(scene: Scene, clients: readonly SocketClient[]): Promise<void> {
  const text = `{"type":"AGENT_STATUS","mark":${Math.random()}}`;
  (await scene.podium.telemetry()).text(text);
  for (const client of clients) await client.frame((_, got) => got.includes(text), "the last frame");
}

const podiumTypes = ["QUEUE_UPDATE", "STORY_STATUS", "AGENT_STATUS", "COMMAND_RESULT", "PONG"];

function bytes(scene: Scene): void {
  test("Podium's frames pass unchanged, in order, to every client, over one connection to Podium", async () => {
    const clients = await Promise.all(Array.from({ length: 10 }, () => listen(scene)));
    for (const text of odd) scene.podium.emit(text);
    await mark(scene, clients);
    for (const client of clients) expect(client.texts(podiumTypes).slice(0, -1)).toEqual(odd);
    expect(scene.podium.sockets).toHaveLength(1);
    expect(scene.podium.sockets[0]!.messages).toBe(0);
  });

  test("other types, other shapes and broken frames do not; what is broken is said", async () => {
    const client = await listen(scene);
    const unwanted = [
      '{"type":"COMMAND_RESULT","success":true}',
      '{"type":"PONG"}',
      '{"type":"GATEWAY_STATUS","podium":"forged"}',
      '{"type":["QUEUE_UPDATE"]}',
      '{"kind":"QUEUE_UPDATE"}',
      '["QUEUE_UPDATE"]',
      '"QUEUE_UPDATE"',
      "QUEUE_UPDATE",
      '{"type":"QUEUE_UPDATE"',
      "",
    ];
    for (const text of unwanted) scene.podium.emit(text);
    scene.podium.sockets[0]!.binary(Buffer.from('{"type":"QUEUE_UPDATE"}'));
    await mark(scene, [client]);
    const types = client.texts().map((text) => JSON.parse(text).type);
    expect(types.filter((type) => type !== "GATEWAY_STATUS")).toEqual(["AGENT_STATUS"]);
    expect(client.texts().join()).not.toContain("forged");
    const said = await client.frame(({ ignored }) => ignored, "the word about broken frames");
    expect(said).toMatchObject({ type: "GATEWAY_STATUS", podium: "connected", ignored: { garbage: 1 } });
    const metrics = (await scene.get("/metrics")).text;
    expect(metrics).toContain('roxy_stream_ignored_frames_total{reason="garbage"} 7');
    expect(metrics).toContain('roxy_stream_ignored_frames_total{reason="binary"} 1');
  });

  test("the first frame says that Podium is connected", async () => {
    const client = await listen(scene);
    expect(JSON.parse(client.frames[0]!)).toMatchObject({ type: "GATEWAY_STATUS", podium: "connected" });
  });
}

function wishes(scene: Scene): void {
  test("types= narrows, envelope=1 wraps without touching the frame, since= resumes", async () => {
    const [narrow, wrapped] = [
      await listen(scene, "?types=QUEUE_UPDATE,AGENT_STATUS"),
      await listen(scene, "?envelope=1"),
    ];
    scene.podium.emit(odd[0]!);
    scene.podium.emit(odd[1]!);
    await mark(scene, [narrow, wrapped]);
    expect(narrow.texts(podiumTypes)[0]).toBe(odd[1]);
    const [status, first, second] = wrapped.frames;
    expect(first).toEndWith(`"event":${odd[0]}}`);
    const { id } = JSON.parse(first!) as { id: string };
    expect(id).toMatch(/^[0-9a-f]{16}:\d+$/);
    const resumed = await scene.socket(`${streamPath}?envelope=1&since=${id}`);
    await resumed.frame((_, text) => text === second, "the frame after the cursor");
    expect(resumed.frames.filter((text) => text.includes(odd[0]!))).toEqual([]);
    // Whoever is lost before Podium's first frame has a cursor, too.
    const early = await scene.socket(`${streamPath}?envelope=1&since=${(JSON.parse(status!) as { id: string }).id}`);
    await early.frame((_, text) => text === first, "the frame after the first status");
  });

  test("a cursor that can't be honoured gets a GAP, not silence", async () => {
    for (const since of ["0000000000000000:1", "nonsense", ""]) {
      const client = await scene.socket(`${streamPath}?since=${since}`);
      await client.frame(({ type, reason }) => type === "GAP" && reason === "cursor", "the GAP");
    }
  });

  test("a client that talks too much is shown the door with 1008", async () => {
    const client = await listen(scene);
    // One more than are taken as a polite mistake; whoever goes on talking may miss the closing words.
    for (let i = 0; i < 17; i++) client.send("{}");
    expect((await client.closed).code).toBe(1008);
    // Nothing that a client says goes any further.
    expect(scene.podium.sockets[0]!.messages).toBe(0);
  });
}

function upstream(scene: Scene): void {
  const state = (client: SocketClient): string[] =>
    client.texts(["GATEWAY_STATUS"]).map((text) => JSON.parse(text).podium);

  test("a lost connection to Podium is said, made again, and the gap is told", async () => {
    const client = await listen(scene);
    (await scene.podium.telemetry()).drop();
    await client.frame(({ type, reason }) => type === "GAP" && reason === "upstream", "the GAP after the outage");
    expect(state(client)).toEqual(["connected", "disconnected", "connecting", "connected"]);
    await mark(scene, [client]);
    expect(scene.podium.sockets).toHaveLength(1);
  });

  test("a Podium that is killed and started again is found again; the clients stay", async () => {
    const client = await listen(scene);
    const logged = (): Json[] => scene.gateway.logged().filter(({ event }) => event === "podium_stream");
    const before = logged().length;
    await scene.podium.down();
    await client.frame(({ podium }) => podium === "disconnected", "the loss");
    const newcomer = await scene.socket(streamPath);
    await newcomer.frame(({ type, podium }) => type === "GATEWAY_STATUS" && podium !== "connected", "the state of now");
    expect((await scene.get("/health")).status).toBe(200);
    const losses = (): number => state(client).filter((podium) => podium === "disconnected").length;
    await eventually(() => (losses() >= 3 ? true : undefined), "attempts, each told to the clients");
    await scene.podium.up();
    await mark(scene, [client, newcomer]);
    expect(state(client).at(-1)).toBe("connected");
    // Its log says it once: an outage may last for days.
    const [lost, found] = await eventually(
      () => (logged().length > before + 1 ? logged().slice(before) : undefined),
      "two lines",
    );
    expect(lost).toMatchObject({ level: "warn", state: "disconnected" });
    expect(found).toMatchObject({ level: "info", state: "connected", lost_since: lost!.lost_since });
  });

  test("a frame beyond all bounds costs the connection, not the gateway", async () => {
    const client = await listen(scene);
    scene.podium.emit(`{"type":"QUEUE_UPDATE","x":"${"x".repeat(2_000_000)}"}`);
    await client.frame(({ podium }) => podium === "disconnected", "the loss");
    await client.frame(({ type, reason }) => type === "GAP" && reason === "upstream", "the connection after it");
    await mark(scene, [client]);
    expect(client.texts(["QUEUE_UPDATE"])).toEqual([]);
  });
}

function renewal(launcher: Launcher): void {
  const scene = useScene(launcher, {
    env: { PODIUM_JWT_SECRET: secret },
    settings: { "podium.stream_token_ttl_s": "5" },
  });

  test("the living connection is renewed before the token expires; the clients stay, and hear everything once", async () => {
    const client = await listen(scene, "?envelope=1");
    const [first] = scene.podium.sockets;
    scene.podium.emit('{"type":"QUEUE_UPDATE","n":1}');
    const [before, after] = await scene.podium.until(
      ({ upgrades }) => (upgrades[1] ? upgrades : undefined),
      "a renewal",
    );
    await scene.podium.until(
      ({ sockets }) => (sockets.length === 1 && sockets[0] !== first) || undefined,
      "the change",
    );
    scene.podium.emit('{"type":"QUEUE_UPDATE","n":2}');
    await mark(scene, [client]);
    const told = client.frames.map((text) => JSON.parse(text).event);
    expect(told.map(({ type, n }) => n ?? type)).toEqual(["GATEWAY_STATUS", 1, 2, "AGENT_STATUS"]);
    const expiry = [before, after].map((seen) => claimsIn(seen!.path));
    expect(expiry[1]!.iat).toBeLessThan(expiry[0]!.exp);
    expect(expiry.map(({ exp, iat }) => exp - iat)).toEqual([5, 5]);
  });
}

function claimsIn(target: string): Json {
  return verifyToken(new URL(target, "http://podium").searchParams.get("token") ?? "", secret).claims;
}

function goodbye(scene: Scene): void {
  test("at the end clients are told to come back: 1001, and the process ends with 0", async () => {
    const client = await listen(scene);
    expect(await scene.gateway.stop()).toEqual({ code: 0, signal: null });
    expect((await client.closed).code).toBe(1001);
    expect(scene.gateway.records().at(-1).event).toBe("close");
  });
}
