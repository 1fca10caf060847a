import { afterAll, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

const [wall, desk] = ["roxy_wall-0123456789", "roxy_desk-0123456789"];

async function open(): Promise<Gateway> {
  const root = newRoot();
  const file = path.join(root, "client-tokens");
  const lines = [`wall viewer sha256:${runtime.sha256(wall)}`, `desk viewer sha256:${runtime.sha256(desk)}`];
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  writeFileSync(path.join(root, "roxy-core.jsonc"), JSON.stringify({ auth: { token_file: file } }));
  const podium = await PodiumStub.start();
  const gateway = await startGateway(bunLauncher, { podiumUrl: podium.url, root });
  afterAll(async () => {
    await gateway.kill();
    await podium.down();
  });
  return gateway;
}

interface Listener {
  readonly ended: Promise<number>;
  isOpen(): boolean;
}

/** Resolves once it is let in. */
function overSocket({ wsUrl }: Gateway, headers: Record<string, string>): Promise<Listener> {
  const socket = new WebSocket(`${wsUrl}/api/orchestrator/stream`, { headers } as never);
  const ended = new Promise<number>((resolve) => socket.addEventListener("close", ({ code }) => resolve(code)));
  const listener = { ended, isOpen: () => socket.readyState === WebSocket.OPEN };
  return new Promise((resolve, reject) => {
    socket.addEventListener("open", () => resolve(listener));
    socket.addEventListener("error", () => reject(new Error("the socket did not open")));
  });
}

/** Resolves once it is let in; the text is what came until the end. */
async function overEvents({ baseUrl }: Gateway, headers: Record<string, string>): Promise<{ text: Promise<string> }> {
  const response = await fetch(`${baseUrl}/api/orchestrator/events`, { headers });
  expect(response.status).toBe(200);
  return { text: response.text() };
}

async function signIn({ baseUrl }: Gateway, token: string): Promise<{ cookie: string }> {
  const response = await fetch(`${baseUrl}/api/session`, {
    method: "POST",
    headers: { "x-roxy-token": token, "content-type": "application/json" },
    body: "{}",
  });
  return { cookie: response.headers.get("set-cookie")!.split(";")[0]! };
}

test("a removed token's streams end, its sessions' too, and nobody else's", async () => {
  const gateway = await open();
  const stays = await overSocket(gateway, { "x-roxy-token": desk });
  const going = [
    await overSocket(gateway, { "x-roxy-token": wall }),
    await overSocket(gateway, { authorization: `Bearer ${wall}` }),
    await overSocket(gateway, await signIn(gateway, wall)),
  ];
  const events = await overEvents(gateway, { "x-roxy-token": wall });
  const env = { PATH: "/usr/bin:/bin", HOME: gateway.root, ROXY_ROOT: gateway.root };
  expect((await runHere(env, ["token", "remove", "wall"])).code).toBe(0);
  expect(await Promise.all(going.map(({ ended }) => ended))).toEqual([1008, 1008, 1008]);
  expect(await events.text).toContain("GATEWAY_STATUS");
  expect(stays.isOpen()).toBe(true);
});

test("a session that was ended takes its streams with it, and leaves those of its token", async () => {
  const gateway = await open();
  const cookie = await signIn(gateway, wall);
  const [going, stays] = [await overSocket(gateway, cookie), await overSocket(gateway, { "x-roxy-token": wall })];
  await fetch(`${gateway.baseUrl}/api/session`, { method: "DELETE", headers: cookie });
  expect(await going.ended).toBe(1008);
  expect(stays.isOpen()).toBe(true);
});
