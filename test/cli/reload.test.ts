import { afterEach, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { verifyToken } from "../e2e/jwt.ts";
import type { Json } from "../e2e/http-client.ts";
import { call } from "../e2e/http-client.ts";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, startGateway } from "../e2e/launcher.ts";
import { PodiumStub, reply, yes } from "../e2e/podium-stub.ts";
import { dispatchCall, enqueueBody, gate } from "../e2e/scene.ts";
import { connectSocket } from "../e2e/socket-client.ts";
import { newRoot } from "./stage.ts";

const [first, second] = ["first-secret-0123456789-0123456789-abc", "second-secret-0123456789-0123456789-ab"];
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Stage {
  readonly podium: PodiumStub;
  readonly gateway: Gateway;
  write(config: Json): void;
  /** SIGHUP, and the line that says what came of it. */
  reload(): Promise<Json>;
  enqueue(story: string): Promise<number>;
}

async function open(config: Json): Promise<Stage> {
  const root = newRoot();
  const write = (next: Json): void =>
    writeFileSync(path.join(root, "roxy-core.jsonc"), typeof next === "string" ? next : JSON.stringify(next));
  write(config);
  writeFileSync(path.join(root, "secret"), first, { mode: 0o600 });
  const podium = await PodiumStub.start();
  ends.push(() => podium.down());
  const settings = { "podium.jwt_secret_file": path.join(root, "secret") };
  const gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, root, settings, defaultLimits: true });
  ends.push(() => gateway.kill());
  let seen = 0;
  return {
    podium,
    gateway,
    write,
    async reload() {
      gateway.child.kill("SIGHUP");
      const lines = (): Json[] => gateway.logged().filter(({ event }) => event === "reload");
      await gateway.child.line(() => (lines().length > seen ? true : undefined), "it has reloaded");
      const line = lines()[seen];
      seen = lines().length;
      return line;
    },
    enqueue: async (story) => (await call(gateway.baseUrl, dispatchCall(enqueueBody(story)))).status,
  };
}

test("SIGHUP takes over limits, types, secrets and log level; no stream is dropped, nothing in flight is lost", async () => {
  const { podium, gateway, write, reload, enqueue } = await open({ limits: { dispatch_per_minute: 1 } });
  const upstream = await podium.telemetry();
  const client = await connectSocket(`${gateway.wsUrl}/api/orchestrator/stream`);
  const hold = gate();
  podium.next(reply.after(hold.opened, reply.text(yes)));
  const inFlight = enqueue("S-1");
  await podium.commandsSeen(1);
  expect(await enqueue("S-2")).toBe(429);
  write({ limits: { dispatch_per_minute: 50 }, stream: { types: ["NEW_TYPE"] }, log: { level: "debug" } });
  writeFileSync(path.join(gateway.root, "secret"), second, { mode: 0o600 });
  const said = await reload();
  expect(said.level).toBe("info");
  expect(said.changed.split(", ").toSorted()).toEqual(
    ["limits.dispatch_per_minute", "stream.types", "log.level", "PODIUM_JWT_SECRET"].toSorted(),
  );
  hold.open();
  expect(await inFlight).toBe(200);
  expect(await enqueue("S-2")).toBe(200);
  const token = podium.commands.at(-1)!.headers.get("authorization")!.slice(7);
  expect(() => verifyToken(token, second)).not.toThrow();
  upstream.text('{"type":"STORY_STATUS","storyId":"S-1"}');
  upstream.text('{"type":"NEW_TYPE"}');
  await client.frame(({ type }) => type === "NEW_TYPE", "a frame of the new type on the old connection");
  expect(client.texts(["STORY_STATUS"])).toEqual([]);
  expect(gateway.logged().some(({ event }) => event === "request")).toBe(true);
  expect(podium.upgrades).toHaveLength(1);
  expect(gateway.child.stderr()).not.toContain(second);
  client.close();
});

test("a broken file changes nothing, and says where it is broken", async () => {
  const { write, reload, enqueue, gateway } = await open({ limits: { dispatch_per_minute: 1 } });
  expect(await enqueue("S-1")).toBe(200);
  write('{ "limits": { "dispatch_per_minute": 50 }, "strem": {} }');
  const said = await reload();
  expect(said.level).toBe("error");
  expect(said.message).toContain("nothing was changed");
  expect(said.message).toContain("roxy-core.jsonc:1:");
  expect(await enqueue("S-2")).toBe(429);
  expect((await call(gateway.baseUrl, { path: "/ready" })).status).toBe(200);
});

test("what needs a restart is named, each time, and the rest is taken over", async () => {
  const { write, reload, enqueue, gateway } = await open({ limits: { dispatch_per_minute: 1 } });
  expect(await enqueue("S-1")).toBe(200);
  write({ limits: { dispatch_per_minute: 5 }, audit: { retention_days: 100 }, stream: { history: 5 } });
  for (let i = 0; i < 2; i++) {
    await reload();
    await gateway.child.line(
      (line) => (line.includes("need a restart: audit.retention_days, stream.history") ? line : undefined),
      "the settings are named",
    );
  }
  expect(await enqueue("S-2")).toBe(200);
});

test("while it drains it is not ready, finishes what is in flight, refuses the rest, and a second signal hurries", async () => {
  const { podium, gateway, enqueue } = await open({});
  const hold = gate();
  podium.next(reply.after(hold.opened, reply.text(yes)));
  const inFlight = enqueue("S-1");
  await podium.commandsSeen(1);
  gateway.child.kill("SIGTERM");
  await gateway.child.line((line) => (line.includes('"signal"') ? line : undefined), "the signal is taken");
  const ready = await call(gateway.baseUrl, { path: "/ready" });
  expect([ready.status, ready.json.reason]).toEqual([503, "roxy-core is shutting down"]);
  const refused = await call(gateway.baseUrl, dispatchCall(enqueueBody("S-2")));
  expect([refused.status, refused.json.code]).toEqual([503, "shutting_down"]);
  hold.open();
  expect(await inFlight).toBe(200);
  expect((await gateway.child.ended).code).toBe(0);
  const events = gateway.records().map(({ event }) => event);
  expect(events.slice(-2)).toEqual(["outcome", "close"]);
  expect(podium.commands).toHaveLength(1);
});

test("a second signal does not wait for Podium; the next start closes what was left open", async () => {
  const { podium, gateway, enqueue } = await open({});
  podium.next(reply.hang());
  const lost = enqueue("S-1").catch(() => "cut off");
  await podium.commandsSeen(1);
  gateway.child.kill("SIGTERM");
  await gateway.child.line((line) => (line.includes('"signal"') ? line : undefined), "the signal is taken");
  gateway.child.kill("SIGINT");
  expect((await gateway.child.ended).code).toBe(1);
  expect(await lost).toBe("cut off");
  const again = await startGateway(bunLauncher, { podiumUrl: podium.url, root: gateway.root });
  ends.push(() => again.kill());
  expect(again.records().filter(({ event }) => event === "unknown")).toHaveLength(1);
});
