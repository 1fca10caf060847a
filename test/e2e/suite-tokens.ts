import { beforeAll, describe, expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createLocalJWKSet, decodeProtectedHeader, jwtVerify } from "jose";
import type { Json } from "./http-client.ts";
import { verifyToken } from "./jwt.ts";
import type { Launcher } from "./launcher.ts";
import { makeRoot, plannedRoot } from "./launcher.ts";
import type { Seen } from "./podium-stub.ts";
import { reply } from "./podium-stub.ts";
import type { Scene } from "./scene.ts";
import { newStory, secret, useScene } from "./scene.ts";

const fixedToken = "fixed-token-0123456789-abcdefghijkl";
const shortSecret = "short-secret-19byte";

export function tokensSuite(launcher: Launcher): void {
  describe("tokens for Podium", () => {
    none(launcher);
    fixed(launcher);
    short(launcher);
    fromFile(launcher);
    signed(launcher);
    published(launcher);
  });
}

function none(launcher: Launcher): void {
  describe("without a secret", () => {
    const scene = useScene(launcher);
    test("no token goes out, and the start says so", async () => {
      await scene.podium.telemetry();
      expect((await scene.enqueue(newStory())).status).toBe(200);
      await scene.get("/api/orchestrator/status");
      for (const { headers } of scene.podium.requests) expect(headers.get("authorization")).toBeNull();
      expect(scene.podium.upgrades[0]!.path).toBe("/ws");
      const line = scene.gateway.logged().find(({ event }) => event === "podium_token");
      expect(line.level).toBe("warn");
      expect(line.message).toContain("PODIUM_JWT_SECRET");
    });
  });
}

function fixed(launcher: Launcher): void {
  describe("with ROXY_PODIUM_TOKEN", () => {
    const scene = useScene(launcher, { env: { ROXY_PODIUM_TOKEN: fixedToken } });
    test("the token goes out as it is, on HTTP and on the socket", async () => {
      await scene.podium.telemetry();
      await scene.enqueue(newStory());
      await scene.get("/api/orchestrator/status");
      const sent = scene.podium.requests.map(({ headers }) => headers.get("authorization"));
      expect(sent).toEqual([`Bearer ${fixedToken}`, `Bearer ${fixedToken}`]);
      expect(new URL(scene.podium.upgrades[0]!.path, "ws://x").searchParams.get("token")).toBe(fixedToken);
      await expectNowhere(scene, fixedToken);
    });
  });
}

function short(launcher: Launcher): void {
  describe("with a short secret", () => {
    const scene = useScene(launcher, { env: { PODIUM_JWT_SECRET: shortSecret } });
    test("it is warned about in plain words and used", async () => {
      const warning = scene.gateway.logged().find(({ event, level }) => event === "configuration" && level === "warn");
      expect(warning.message).toContain("19 bytes");
      expect(warning.message).toContain("at least 32");
      await scene.enqueue(newStory());
      verifyToken(scene.podium.requests[0]!.headers.get("authorization")!.slice(7), shortSecret);
      await expectNowhere(scene, shortSecret);
    });
  });
}

function fromFile(launcher: Launcher): void {
  describe("with podium.jwt_secret_file", () => {
    const root = plannedRoot();
    beforeAll(() => {
      makeRoot(root);
      mkdirSync(`${root}/etc`, { mode: 0o700 });
      writeFileSync(`${root}/etc/secret`, `${secret}\n`, { mode: 0o600 });
    });
    const scene = useScene(launcher, {
      root,
      settings: { "podium.jwt_secret_file": `${root}/etc/secret`, "podium.token_ttl_s": "30" },
    });
    test("the file's secret signs, without its newline, and the lifetime is the configured one", async () => {
      await scene.enqueue(newStory());
      const { claims } = verifyToken(scene.podium.requests[0]!.headers.get("authorization")!.slice(7), secret);
      expect(claims.exp - claims.iat).toBe(30);
      expect(scene.gateway.logged().some(({ level, message }) => level === "warn" && /secret/i.test(message))).toBe(
        false,
      );
      chmodSync(`${root}/etc/secret`, 0o644);
      await scene.restart("stop");
      expect(scene.gateway.child.stderr()).toContain("chmod 600");
    });
  });
}

function signed(launcher: Launcher): void {
  describe("with PODIUM_JWT_SECRET", () => {
    const scene = useScene(launcher, { env: { PODIUM_JWT_SECRET: secret, ROXY_PODIUM_TOKEN: fixedToken } });
    test("the telemetry socket brings a viewer's token in its address", async () => {
      await scene.podium.telemetry();
      const { path } = scene.podium.upgrades[0]!;
      const { claims } = verifyToken(new URL(path, "ws://x").searchParams.get("token")!, secret);
      expect(path).toStartWith("/ws?token=");
      expect(claims).toMatchObject({ iss: "roxy-core", role: "viewer" });
      expect(claims.exp - claims.iat).toBe(3600);
    });

    test("GET status is asked with a viewer's token", async () => {
      await scene.get("/api/orchestrator/status");
      const { claims } = verifyToken(scene.podium.requests[0]!.headers.get("authorization")!.slice(7), secret);
      expect(claims).toMatchObject({ iss: "roxy-core", role: "viewer" });
    });

    test("no two dispatches share a token", async () => {
      for (let i = 0; i < 3; i++) await scene.enqueue(newStory());
      expect(new Set(scene.podium.commands.map(({ headers }) => headers.get("authorization"))).size).toBe(3);
    });

    test("neither secret nor tokens are in an answer, a file or the log, whatever goes wrong", async () => {
      scene.podium.next(reply.text('{"error":"Bad token"}', 401), reply.close(), reply.text("garbage"));
      const answers = [
        await scene.enqueue(newStory()),
        await scene.enqueue(newStory()),
        await scene.enqueue(newStory()),
      ];
      answers.push(await scene.get("/api/orchestrator/status"), await scene.get("/"), await scene.get("/ready"));
      const tokens = scene.podium.requests.map(({ headers }) => headers.get("authorization")!.slice(7));
      const { path } = scene.podium.upgrades[0]!;
      for (const hidden of [secret, fixedToken, ...tokens, path.slice(path.indexOf("=") + 1)]) {
        for (const { text } of answers) expect(text).not.toContain(hidden);
        await expectNowhere(scene, hidden);
      }
    });
  });
}

function published(launcher: Launcher): void {
  describe("with podium.jwt_private_key_file", () => {
    const root = plannedRoot();
    const [file, newer] = [`${root}/etc/key`, `${root}/etc/newer`];
    const [key, newKey] = [makePrivateKey(), makePrivateKey()];
    beforeAll(() => {
      makeRoot(root);
      mkdirSync(`${root}/etc`, { mode: 0o700 });
      writeFileSync(file, key, { mode: 0o600 });
      writeFileSync(newer, newKey, { mode: 0o600 });
    });
    const scene = useScene(launcher, { root, settings: { "podium.jwt_private_key_file": file } });
    const keys = async (): Promise<Json[]> => (await scene.get("/.well-known/jwks.json")).json.keys;
    const verified = async (seen: Seen): Promise<Json> => {
      const keySet = createLocalJWKSet({ keys: await keys() });
      return (await jwtVerify(seen.headers.get("authorization")!.slice(7), keySet, { algorithms: ["EdDSA"] })).payload;
    };

    test("whoever fetches the published key can check who commanded, and where it is on record", async () => {
      const answer = await scene.enqueue(newStory());
      const claims = await verified(scene.podium.requests[0]!);
      expect(claims).toMatchObject({
        sub: "mark",
        role: "admin",
        jti: answer.json.audit_id,
        receipt: answer.json.receipt,
      });
      expect(await keys()).toHaveLength(1);
      const set = await scene.get("/.well-known/jwks.json");
      expect(set.headers.get("cache-control")).toBe("max-age=60");
      await expectNowhere(scene, key.split("\n")[1]!, [file]);
    });

    test("while a new key is brought in, both are published, and the old one is tried after a 401", async () => {
      const settings = { "podium.jwt_private_key_file": newer, "podium.jwt_private_key_previous_file": file };
      await scene.restart("stop", { settings });
      const kids = (await keys()).map(({ kid }) => kid);
      expect(new Set(kids).size).toBe(2);
      scene.podium.next(reply.text('{"error":"unknown key"}', 401));
      expect((await scene.enqueue(newStory())).status).toBe(200);
      const used = scene.podium.commands.map(({ headers }) =>
        decodeProtectedHeader(headers.get("authorization")!.slice(7)),
      );
      expect(used.map(({ kid }) => kid!)).toEqual(kids);
      for (const command of scene.podium.commands) expect(await verified(command)).toMatchObject({ sub: "mark" });
    });

    test("without a key of that kind the set is empty", async () => {
      await scene.restart("stop", { settings: {}, env: { PODIUM_JWT_SECRET: secret } });
      expect(await keys()).toEqual([]);
    });
  });
}

function makePrivateKey(): string {
  return generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
}

/** Looks through everything that the gateway has said and written. */
async function expectNowhere({ gateway }: Scene, hidden: string, but: readonly string[] = []): Promise<void> {
  expect(hidden.length).toBeGreaterThan(10);
  const read = (path: string): string => readFileSync(path, "utf8");
  const files = readdirSync(gateway.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(2);
  const paths = files.map(({ parentPath, name }) => `${parentPath}/${name}`).filter((path) => !but.includes(path));
  for (const path of paths) expect(read(path)).not.toContain(hidden);
  expect(gateway.child.stderr() + gateway.child.stdout()).not.toContain(hidden);
}
