import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import tls from "node:tls";
import { hasOpenssl, identityOf, newAuthority } from "../runtime/authority.ts";
import type { Identity } from "../runtime/raw-server.ts";
import type { Launcher } from "./launcher.ts";
import { environment, makeRoot, plannedRoot, removeRoot, runCommand, startGateway } from "./launcher.ts";
import { expectProblem } from "./problem.ts";
import { call } from "./http-client.ts";
import { dispatchCall, enqueueBody, newStory, useScene } from "./scene.ts";

/** A Podium on another machine, behind TLS and an authority of the house's own. */
export function securePodiumSuite(launcher: Launcher): void {
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
