import { afterAll, beforeAll, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { verifyToken } from "../e2e/jwt.ts";
import type { Json } from "../e2e/http-client.ts";
import { call } from "../e2e/http-client.ts";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { dispatchCall, enqueueBody } from "../e2e/scene.ts";
import { newRoot } from "./stage.ts";

/** Each setting that a reload takes over does what it says, from the reload on; `reload.test.ts` has the others. */

const secret = "a-secret-0123456789-0123456789-abcdefg";
const root = newRoot();
const at = (name: string): string => path.join(root, name);
let podium: PodiumStub;
let gateway: Gateway;
let reloads = 0;

function write(limits: Json, more: Json): void {
  const config = { limits: { dispatch_per_minute: 1000, story_cooldown_s: 0, ...limits }, podium: more };
  writeFileSync(at("roxy-core.jsonc"), JSON.stringify(config));
}

/** SIGHUP, and what it says that has changed. */
async function reload(): Promise<string[]> {
  gateway.child.kill("SIGHUP");
  const lines = (): Json[] => gateway.logged().filter(({ event }) => event === "reload");
  await gateway.child.line(() => (lines().length > reloads ? true : undefined), "it has reloaded");
  const { changed } = lines()[reloads]!;
  reloads = lines().length;
  return changed.split(", ").toSorted();
}

const enqueue = async (story: string, note = ""): Promise<number> => {
  const body = enqueueBody(story);
  return (await call(gateway.baseUrl, dispatchCall({ ...body, payload: { ...body.payload, options: { note } } })))
    .status;
};
/** Seconds that the token of the newest command is good for. */
const lifeOfCommand = (): number =>
  lifeOf(podium.commands.at(-1)!.headers.get("authorization")!.slice("Bearer ".length));

function lifeOf(token: string): number {
  const { claims } = verifyToken(token, secret);
  return claims.exp - claims.iat;
}

const signing = { jwt_secret_file: at("secret") };
beforeAll(async () => {
  podium = await PodiumStub.start();
  writeFileSync(at("secret"), secret, { mode: 0o600 });
  for (const name of ["older.key", "newer.key"]) {
    const { privateKey } = generateKeyPairSync("ed25519");
    writeFileSync(at(name), privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  }
  write({}, signing);
  gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, root, defaultLimits: true });
});
afterAll(async () => {
  await gateway?.kill();
  await podium?.down();
});

test("limits.story_cooldown_s", async () => {
  expect([await enqueue("S-1"), await enqueue("S-1")]).toEqual([200, 200]);
  write({ story_cooldown_s: 3600 }, signing);
  expect(await reload()).toEqual(["limits.story_cooldown_s"]);
  expect([await enqueue("S-1"), await enqueue("S-1")]).toEqual([200, 429]);
  // A rest that has begun keeps its end; others end at once.
  write({}, signing);
  expect(await reload()).toEqual(["limits.story_cooldown_s"]);
  expect([await enqueue("S-5"), await enqueue("S-5")]).toEqual([200, 200]);
});

test("limits.body_bytes_max", async () => {
  write({}, signing);
  await reload();
  const note = "x".repeat(1024);
  expect(await enqueue("S-2", note)).toBe(200);
  write({ body_bytes_max: 1024 }, signing);
  expect(await reload()).toEqual(["limits.body_bytes_max"]);
  expect(await enqueue("S-2", note)).toBe(413);
});

test("podium.token_ttl_s", async () => {
  write({}, signing);
  await reload();
  await enqueue("S-3");
  expect(lifeOfCommand()).toBe(60);
  write({}, { ...signing, token_ttl_s: 77 });
  expect(await reload()).toEqual(["podium.token_ttl_s"]);
  await enqueue("S-4");
  expect(lifeOfCommand()).toBe(77);
});

test("podium.stream_token_ttl_s, for the next connection", async () => {
  write({}, signing);
  await reload();
  const socket = await podium.telemetry();
  const before = podium.upgrades.length;
  write({}, { ...signing, stream_token_ttl_s: 7200 });
  expect(await reload()).toEqual(["podium.stream_token_ttl_s"]);
  socket.drop();
  const next = await podium.until(({ upgrades }) => upgrades[before], "the next telemetry connection");
  expect(lifeOf(new URL(next.path, podium.url).searchParams.get("token")!)).toBe(7200);
});

test("podium.jwt_private_key_file and podium.jwt_private_key_previous_file", async () => {
  const published = async (): Promise<number> =>
    (await call(gateway.baseUrl, { path: "/.well-known/jwks.json" })).json.keys.length;
  expect(await published()).toBe(0);
  write({}, { jwt_private_key_file: at("older.key") });
  expect(await reload()).toContain("podium.jwt_private_key_file");
  expect(await published()).toBe(1);
  write({}, { jwt_private_key_file: at("newer.key"), jwt_private_key_previous_file: at("older.key") });
  expect(await reload()).toEqual(["podium.jwt_private_key_file", "podium.jwt_private_key_previous_file"]);
  expect(await published()).toBe(2);
  expect(gateway.child.stderr()).not.toContain("restart");
});
