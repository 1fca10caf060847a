import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { SignJWT, UnsecuredJWT } from "jose";
import type { Json } from "../luno-under-test.ts";
import { openStream, startTestLuno, endAll } from "../luno-under-test.ts";

afterEach(endAll);

const secret = "a secret of thirty-two bytes, at least";

function token(claims: Json, key = secret, life = "1m"): Promise<string> {
  return new SignJWT(claims)
    .setProtectedHeader({ alg: "HS256" })
    .setSubject("mark")
    .setIssuedAt()
    .setExpirationTime(life)
    .sign(new TextEncoder().encode(key));
}
const ping = { type: "PING" };

describe("with a secret", () => {
  test("an admin commands and reads, a viewer only reads", async () => {
    const luno = await startTestLuno({ secret });
    const [admin, viewer] = await Promise.all([token({ role: "admin" }), token({ role: "viewer" })]);
    expect((await luno.post("/api/command", ping, admin)).status).toBe(200);
    expect((await luno.get("/api/status", admin)).status).toBe(200);
    expect((await luno.get("/api/status", viewer)).status).toBe(200);
    expect((await luno.get("/api/logs", viewer)).status).toBe(200);
    const refused = await luno.post("/api/command", ping, viewer);
    expect(refused.status).toBe(403);
    expect(refused.json).toEqual({
      success: false,
      error: "Forbidden: the role admin is needed, this token has viewer",
    });
    for (const step of ["prepare-apply", "apply", "enqueue"]) {
      const body = { planId: "SKOREQ-XXX" };
      expect((await luno.post(`/api/governance/skoreq/${step}`, body, viewer)).status).toBe(403);
    }
  });

  test.each<[string, () => Promise<string | undefined> | string]>([
    ["no token", () => Promise.resolve(undefined)],
    ["a token of another secret", () => token({ role: "admin" }, "another secret of thirty-two bytes!!")],
    ["an expired token", () => token({ role: "admin" }, secret, "-1s")],
    ["an unsigned token", () => new UnsecuredJWT({ role: "admin" }).encode()],
    ["no token at all", () => "hello"],
  ])("%s is answered with 401, and nothing happens", async (_name, make) => {
    const luno = await startTestLuno({ secret });
    const body = { type: "ENQUEUE_STORY", storyId: "STORY-001" };
    const { status, json } = await luno.post("/api/command", body, await make());
    expect([status, json["success"]]).toEqual([401, false]);
    expect((await luno.get("/api/status", await make())).status).toBe(401);
    expect(fs.readFileSync(path.join(luno.folder, "enqueue-audit.jsonl"), "utf8")).toBe("");
  });

  test("a token without a known role may do nothing", async () => {
    const luno = await startTestLuno({ secret });
    const root = await token({ role: "root" });
    expect((await luno.get("/api/status", root)).status).toBe(403);
    expect((await luno.post("/api/command", ping, root)).status).toBe(403);
  });

  test("the WebSocket wants the token in its address", async () => {
    const { port } = await startTestLuno({ secret });
    const stream = await openStream(port, await token({ role: "viewer" }));
    await stream.until((f) => f["type"] === "QUEUE_UPDATE");
    expect(openStream(port)).rejects.toThrow("refused");
    expect(openStream(port, await token({ role: "viewer" }, "x".repeat(32)))).rejects.toThrow("refused");
    expect(openStream(port, await token({}))).rejects.toThrow("refused");
  });

  test("health needs none, and tells nothing about stories", async () => {
    const luno = await startTestLuno({ secret });
    for (const route of ["/health", "/health/orchestrator"]) {
      const { status, json } = await luno.get(route);
      expect(status).toBe(200);
      expect(JSON.stringify(json)).not.toContain("STORY");
    }
  });

  test("the kernel's audit line keeps what the token says about its origin", async () => {
    const luno = await startTestLuno({ secret });
    const receipt = { seq: 41, hash: "ab".repeat(32) };
    const admin = await token({ role: "admin", jti: "AUD-01", receipt });
    await luno.post("/api/command", { type: "ENQUEUE_STORY", storyId: "STORY-001" }, admin);
    const line = fs.readFileSync(path.join(luno.folder, "enqueue-audit.jsonl"), "utf8");
    expect(JSON.parse(line)).toMatchObject({ storyId: "STORY-001", by: "mark", tokenId: "AUD-01", receipt });
  });
});

describe("with a fixed token", () => {
  test("that token is let in as admin, another is not", async () => {
    const luno = await startTestLuno({ fixedToken: "fixed-token-of-this-place" });
    expect((await luno.post("/api/command", ping, "fixed-token-of-this-place")).status).toBe(200);
    expect((await luno.post("/api/command", ping, "fixed-token-of-that-place")).status).toBe(401);
    expect((await luno.post("/api/command", ping)).status).toBe(401);
  });

  test("stands beside the secret", async () => {
    const luno = await startTestLuno({ secret, fixedToken: "fixed-token-of-this-place" });
    expect((await luno.post("/api/command", ping, "fixed-token-of-this-place")).status).toBe(200);
    expect((await luno.post("/api/command", ping, await token({ role: "admin" }))).status).toBe(200);
  });
});

describe("without secret and token", () => {
  test("requests need no token", async () => {
    const luno = await startTestLuno();
    expect((await luno.post("/api/command", ping)).status).toBe(200);
    expect((await luno.get("/api/status")).json["orchestrator"].access).toBe("open");
  });

  test("a page of another origin, or under a foreign name, is turned away", async () => {
    const { base, port } = await startTestLuno();
    const status = async (headers: Record<string, string>) =>
      (await fetch(`${base}/api/command`, { method: "POST", headers, body: '{"type":"HALT"}' })).status;
    expect(await status({ origin: "https://evil.example" })).toBe(403);
    expect(await status({ origin: "null" })).toBe(403);
    expect(await status({ host: `evil.example:${port}` })).toBe(403);
    expect(await status({ origin: `http://127.0.0.1:${port}` })).toBe(200);
  });
});
