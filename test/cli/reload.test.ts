import { afterEach, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { verifyToken } from "../e2e/jwt.ts";
import type { Json } from "../e2e/http-client.ts";
import { call } from "../e2e/http-client.ts";
import type { Gateway, GatewayOptions } from "../e2e/launcher.ts";
import { bunLauncher, startGateway } from "../e2e/launcher.ts";
import { PodiumStub, reply, yes } from "../e2e/podium-stub.ts";
import { dispatchCall, enqueueBody, gate } from "../e2e/scene.ts";
import { connectSocket } from "../e2e/socket-client.ts";
import { runServe } from "../../src/cli/serve.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

const [first, second] = ["first-secret-0123456789-0123456789-abc", "second-secret-0123456789-0123456789-ab"];
const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

interface Stage {
  readonly podium: PodiumStub;
  /** The path of a file in the root. */
  at(name: string): string;
  readonly gateway: Gateway;
  write(config: Json): void;
  /** SIGHUP, and the line that says what came of it. */
  reload(): Promise<Json>;
  enqueue(story: string): Promise<number>;
}

const flagged = (at: Stage["at"]): Partial<GatewayOptions> => ({
  settings: { "podium.jwt_secret_file": at("secret") },
});

/** @param how where the secret comes from: unless it is said, a flag names its file */
async function open(config: Json, how: (at: Stage["at"]) => Partial<GatewayOptions> = flagged): Promise<Stage> {
  const root = newRoot();
  const at = (name: string): string => path.join(root, name);
  const write = (next: Json): void =>
    writeFileSync(at("roxy-core.jsonc"), typeof next === "string" ? next : JSON.stringify(next));
  write(config);
  writeFileSync(at("secret"), first, { mode: 0o600 });
  const podium = await PodiumStub.start();
  ends.push(() => podium.down());
  const gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, root, defaultLimits: true, ...how(at) });
  ends.push(() => gateway.kill());
  let seen = 0;
  return {
    podium,
    gateway,
    at,
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

test("a change of the log's level is confirmed, whichever of the two is the quieter", async () => {
  const { write, reload } = await open({});
  for (const level of ["error", "info", "warn", "debug"]) {
    write({ log: { level } });
    expect(await reload()).toMatchObject({ level: "info", changed: "log.level" });
  }
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

/** Nothing was changed: the limit is still 1, and the one dispatch that it allowed was signed with the first secret. */
async function expectUnchanged({ podium, reload, enqueue, gateway }: Stage, why: string): Promise<void> {
  expect(await enqueue("S-1")).toBe(200);
  for (let i = 0; i < 2; i++) {
    const said = await reload();
    expect(said.level).toBe("error");
    expect(said.message).toContain("nothing was changed");
    expect(said.message).toContain(why);
  }
  expect(await enqueue("S-2")).toBe(429);
  // A limit binds commands only: a question shows what signs now.
  await call(gateway.baseUrl, { path: "/api/orchestrator/status" });
  const [token] = podium.requests.flatMap(({ headers }) => headers.get("authorization") ?? []).slice(-1);
  expect(() => verifyToken(token!.slice(7), first)).not.toThrow();
}

test.each([
  ["an empty file", ""],
  ["a file of comments only", "// { limits: { dispatch_per_minute: 1 } }\n"],
])("%s is not taken for the defaults", async (_name, text) => {
  const stage = await open({ limits: { dispatch_per_minute: 1 } });
  stage.write(text);
  await expectUnchanged(stage, "roxy-core.jsonc is empty");
});

test("a file that is gone is not taken for the defaults, not even the one that nobody had named", async () => {
  const stage = await open({ limits: { dispatch_per_minute: 1 } });
  rmSync(stage.at("roxy-core.jsonc"));
  await expectUnchanged(stage, "roxy-core.jsonc is gone");
});

test("a named file that is gone changes nothing", async () => {
  const stage = await open({ limits: { dispatch_per_minute: 1 } }, (at) => ({
    ...flagged(at),
    args: ["--config", at("roxy-core.jsonc")],
  }));
  rmSync(stage.at("roxy-core.jsonc"));
  await expectUnchanged(stage, "There is no file");
});

test("a file that says {} means the defaults, and one that never said anything may go", async () => {
  const { write, reload, enqueue } = await open({ limits: { dispatch_per_minute: 1 } });
  expect(await enqueue("S-1")).toBe(200);
  write({});
  expect((await reload()).changed).toBe("limits.dispatch_per_minute");
  expect(await enqueue("S-2")).toBe(200);
  const silent = await open("// nothing yet");
  rmSync(silent.at("roxy-core.jsonc"));
  expect((await silent.reload()).changed).toBe("nothing");
});

test.each([
  ["emptied", (file: string) => writeFileSync(file, "\n"), "Expected a secret in the file, which is empty"],
  ["gone", (file: string) => rmSync(file), "Expected the path of a file that is there"],
])("a secret's file that is %s leaves the secret as it was, and with it everything else", async (_name, spoil, why) => {
  const stage = await open({ limits: { dispatch_per_minute: 1 } });
  stage.write({ limits: { dispatch_per_minute: 50 } });
  spoil(stage.at("secret"));
  await expectUnchanged(stage, why);
});

test.each([
  ["emptied", (file: string) => writeFileSync(file, ""), "podium_jwt_secret: Expected a secret in the file"],
  ["gone", (file: string) => rmSync(file), "systemd credential podium_jwt_secret is gone"],
])("a credential that is %s leaves the secret as it was", async (_name, spoil, why) => {
  const stage = await open({ limits: { dispatch_per_minute: 1 } }, (at) => {
    writeFileSync(at("podium_jwt_secret"), first, { mode: 0o600 });
    return { env: { CREDENTIALS_DIRECTORY: path.dirname(at("secret")) } };
  });
  spoil(stage.at("podium_jwt_secret"));
  await expectUnchanged(stage, why);
});

test("a secret goes, and moves, with its setting: live, and nothing is said of a restart", async () => {
  const { podium, at, write, reload, enqueue, gateway } = await open({}, (inRoot) => {
    const config = { podium: { jwt_secret_file: inRoot("secret") } };
    writeFileSync(inRoot("roxy-core.jsonc"), JSON.stringify(config));
    return {};
  });
  writeFileSync(at("newer"), second, { mode: 0o600 });
  write({ podium: { jwt_secret_file: at("newer"), jwt_secret_previous_file: at("secret") } });
  expect((await reload()).changed.split(", ").toSorted()).toEqual([
    "PODIUM_JWT_SECRET",
    "PODIUM_JWT_SECRET_PREVIOUS",
    "podium.jwt_secret_file",
    "podium.jwt_secret_previous_file",
  ]);
  expect(await enqueue("S-1")).toBe(200);
  const authorization = (): string | null => podium.commands.at(-1)!.headers.get("authorization");
  expect(() => verifyToken(authorization()!.slice(7), second)).not.toThrow();
  expect((await reload()).changed).toBe("nothing");
  write({});
  await reload();
  expect(await enqueue("S-2")).toBe(200);
  expect(authorization()).toBeNull();
  expect(gateway.child.stderr()).not.toContain("restart");
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

test("a SIGHUP while it starts does not end it, and what was written meanwhile is read once it runs", async () => {
  const root = newRoot();
  const file = path.join(root, "roxy-core.jsonc");
  writeFileSync(file, '{ "limits": { "dispatch_per_minute": 1 } }');
  const handlers = new Map<string, () => void>();
  const reloaded = Promise.withResolvers<Json>();
  let isRead = false;
  const process: Runtime["process"] = {
    ...runtime.process,
    env: { ROXY_ROOT: root },
    stderrIsTerminal: false,
    stderr(text) {
      if (text.includes('"event":"reload"')) reloaded.resolve(JSON.parse(text));
      return true;
    },
    onSignal: (signal, handler) => void handlers.set(signal, handler),
  };
  const files: Runtime["files"] = {
    ...runtime.files,
    readAll(target, bytesMax) {
      const bytes = runtime.files.readAll(target, bytesMax);
      if (target !== file || isRead) return bytes;
      isRead = true;
      writeFileSync(file, '{ "limits": { "dispatch_per_minute": 2 } }');
      handlers.get("SIGHUP")!();
      return bytes;
    },
  };
  const ended = runServe({ ...runtime, files, process }, ["--port", "0", "--podium-url", "http://127.0.0.1:9"]);
  void ended.then(reloaded.reject, reloaded.reject);
  expect((await reloaded.promise).changed).toBe("limits.dispatch_per_minute");
  handlers.get("SIGTERM")!();
  expect(await ended).toBe(0);
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

test("an end lasts no longer than the unit waits: what Podium refuses unseen is not sent again with the older secret", async () => {
  const config = { podium: { timeout_ms: 1_000 } };
  const { podium, gateway, enqueue } = await open(config, (at) => {
    writeFileSync(at("older"), second, { mode: 0o600 });
    const flags = { ...flagged(at).settings, "podium.jwt_secret_previous_file": at("older") };
    return { settings: flags };
  });
  const hold = gate();
  podium.next(reply.after(hold.opened, reply.text("{}", 401)));
  podium.next(reply.hang());
  const inFlight = enqueue("S-1");
  await podium.commandsSeen(1);
  gateway.child.kill("SIGTERM");
  await gateway.child.line((line) => (line.includes('"signal"') ? line : undefined), "the signal is taken");
  hold.open();
  expect(await inFlight).toBe(502);
  expect((await gateway.child.ended).code).toBe(0);
  expect(podium.commands).toHaveLength(1);
  expect(gateway.records().find(({ event }) => event === "outcome")).toMatchObject({ result: "rejected" });
});

test("the longest end, with a Podium that says nothing, fits into the unit's stop timeout", async () => {
  const { podium, gateway, enqueue } = await open({ podium: { timeout_ms: 1_000 } });
  const unit = await runHere({ HOME: gateway.root, ROXY_ROOT: gateway.root }, ["unit"]);
  const stopMs = Number(/^TimeoutStopSec=(\d+)$/m.exec(unit.stdout)![1]) * 1000;
  podium.next(reply.hang());
  const unknown = enqueue("S-1");
  await podium.commandsSeen(1);
  const startedAt = performance.now();
  gateway.child.kill("SIGTERM");
  expect(await unknown).toBe(504);
  expect((await gateway.child.ended).code).toBe(0);
  expect(performance.now() - startedAt).toBeLessThan(stopMs);
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
