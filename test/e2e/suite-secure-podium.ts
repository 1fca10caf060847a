import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import tls from "node:tls";
import { hasOpenssl, identityOf, newAuthority } from "../runtime/authority.ts";
import type { Identity, RawServer } from "../runtime/raw-server.ts";
import { rawServer } from "../runtime/raw-server.ts";
import type { Launcher } from "./launcher.ts";
import { environment, makeRoot, plannedRoot, removeRoot, runCommand, startGateway } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import { call } from "./http-client.ts";
import { dispatchCall, enqueueBody, newStory, useScene } from "./scene.ts";

/** Nobody stands between the gateway and Podium who was not asked to. */
export function securePodiumSuite(launcher: Launcher): void {
  behindTls(launcher);
  withoutProxy(launcher);
}

/** A Podium on another machine, behind TLS and an authority of the house's own. */
function behindTls(launcher: Launcher): void {
  describe.skipIf(!hasOpenssl)("a Podium behind TLS", () => {
    const folder = plannedRoot();
    const authority = `${folder}/ca.pem`;
    let front: Front;
    beforeAll(async () => {
      makeRoot(folder);
      newAuthority(folder);
      front = await frontOf(identityOf(folder, "DNS:localhost"), () => scene.podium.port);
    });
    afterAll(async () => {
      await front.close();
      removeRoot(folder);
    });
    const scene = useScene(launcher, {
      get podiumUrl() {
        return front.url;
      },
      env: { NODE_EXTRA_CA_CERTS: authority, DENO_CERT: authority },
    });

    test("whose authority was named gets commands and tells how they go on", async () => {
      await scene.podium.telemetry();
      const socket = await scene.socket("/api/orchestrator/stream");
      await socket.frame(({ type }) => type === "GATEWAY_STATUS", "the first frame");
      scene.podium.emit('{"type":"QUEUE_UPDATE","n":1}');
      await socket.frame(({ type }) => type === "QUEUE_UPDATE", "Podium's frame");
      expect((await scene.enqueue(newStory())).status).toBe(200);
      expect(scene.podium.commands).toHaveLength(1);
    });

    test("that nobody vouches for hears nothing, and doctor says what to do", async () => {
      const distrustful = await startGateway(launcher, { podiumUrl: front.url });
      const answer = await call(distrustful.baseUrl, dispatchCall(enqueueBody(newStory())));
      expectProblem(answer, { status: 502, code: "podium_unreachable", retry: "safe" });
      expect(scene.podium.requests).toEqual([]);
      const env = environment(distrustful.root);
      const { stdout, code } = await runCommand(launcher, ["doctor", "--podium-url", front.url], { env });
      expect(code).toBe(1);
      expect(stdout).toContain("NODE_EXTRA_CA_CERTS");
      await distrustful.kill();
      removeRoot(distrustful.root);
    });
  });
}

/** Whatever the environment names and asks for; loopback addresses included, which `NO_PROXY` would spare. */
function withoutProxy(launcher: Launcher): void {
  describe("an environment that names a proxy", () => {
    let proxy: RawServer;
    const env: Record<string, string> = { NODE_USE_ENV_PROXY: "1", NO_PROXY: "" };
    beforeAll(async () => {
      proxy = await rawServer((socket) => void socket.end("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n"));
      for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) env[name] = env[name.toLowerCase()] = proxy.url;
    });
    afterAll(() => proxy.close());
    const scene = useScene(launcher, { env });

    test("gets neither commands nor telemetry's token nor what the command line asks", async () => {
      await scene.podium.telemetry();
      const story = newStory();
      scene.podium.onRequest = ({ method }) => {
        if (method === "POST")
          setTimeout(() => scene.podium.emit(`{"type":"STORY_STATUS","storyId":"${story}","status":"done"}`));
      };
      const words = ["dispatch", "enqueue_story", story, "--watch", "--url", scene.gateway.baseUrl];
      const watched = await runCommand(launcher, words, { env: environment(scene.gateway.root, env) });
      expect(watched).toMatchObject({ code: 0, stderr: "" });
      expect(scene.podium.commands).toHaveLength(1);
      expect(proxy.connections()).toBe(0);
    });
  });
}

interface Front {
  readonly url: string;
  close(): Promise<void>;
}

/** Takes TLS off, and hands on what is within to a port of this machine. */
async function frontOf(identity: Identity, port: () => number): Promise<Front> {
  const sockets = new Set<net.Socket>();
  const server = tls.createServer(identity, (outside) => {
    const inside = net.connect(port(), "127.0.0.1");
    for (const [one, other] of [
      [outside, inside],
      [inside, outside],
    ] as const) {
      sockets.add(one);
      one.pipe(other);
      one.on("error", () => other.destroy());
      one.on("close", () => {
        sockets.delete(one);
        other.destroy();
      });
    }
  });
  // A client that does not trust us hangs up in the middle of the handshake.
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `https://localhost:${(server.address() as net.AddressInfo).port}`,
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
