import { describe, expect, test } from "bun:test";
import { gzipSync } from "node:zlib";
import { readLines } from "./audit-file.ts";
import type { Launcher } from "./launcher.ts";
import { reply, yes } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { gate, newStory, useScene } from "./scene.ts";
import { eventually } from "./watch.ts";

/** Ways in which a stranger, or a Podium gone wrong, could wear the door out. */
export function hardeningSuite(launcher: Launcher): void {
  describe("what wears a door out", () => {
    const scene = useScene(launcher, {
      env: { ROXY_PODIUM_TOKEN: fixedToken },
      settings: { "stream.clients_per_address_max": "3" },
    });
    places(scene);
    podiumGoneWrong(scene);
    floods(scene);
  });
}

const fixedToken = "fixed-token-0123456789abcdef";
const eventsPath = "/api/orchestrator/events";

function places(scene: Scene): void {
  test("HEAD and broken upgrades take no stream client's place", async () => {
    for (let i = 0; i < 6; i++) {
      expect((await scene.call({ method: "HEAD", path: eventsPath })).status).toBe(200);
      const headers = { upgrade: "websocket", connection: "Upgrade" };
      expect((await scene.call({ path: "/api/orchestrator/stream", headers })).status).toBe(400);
    }
    const socket = await scene.socket("/api/orchestrator/stream");
    await socket.frame(({ type }) => type === "GATEWAY_STATUS", "the first frame");
  });

  test("one address has its share of stream clients, and the next is told which setting says so", async () => {
    // The places of clients that have just gone are free when the gateway has seen them go.
    const isEmpty = async (): Promise<true | undefined> =>
      (await scene.get("/ready")).json.gateway.stream.clients === 0 || undefined;
    await eventually(isEmpty, "every place to be free");
    const open = [];
    for (let i = 0; i < 3; i++) open.push(await scene.socket("/api/orchestrator/stream"));
    const refused = await scene.call({ path: eventsPath });
    expectProblem(refused, { status: 503, code: "too_many_clients", retry: "safe" });
    expect(refused.json.detail).toContain("stream.clients_per_address_max");
    for (const socket of open) socket.close();
  });
}

function podiumGoneWrong(scene: Scene): void {
  test("an answer that would unfold to a hundred times its size is not unfolded", async () => {
    const packed = gzipSync(JSON.stringify({ success: true, filler: "x".repeat(20_000_000) }));
    scene.podium.next((socket) => {
      socket.write(`HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n`);
      socket.end(packed);
    });
    const answer = await scene.enqueue(newStory());
    expectProblem(answer, { status: 502, code: "podium_invalid_response", retry: "same-key" });
  });

  test("a token that Podium repeats stands in no answer and no record", async () => {
    scene.podium.next(reply.text(JSON.stringify({ error: `bad token: Bearer ${fixedToken}` }), 401));
    const answer = await scene.enqueue(newStory());
    expect(answer.json.detail).toContain("[token]");
    expect(answer.text).not.toContain(fixedToken);
    expect(readLines(scene.gateway.root).join("\n")).not.toContain(fixedToken);
  });

  test("an answer that was no JSON is still JSON when its dispatch turns out to have been executed", async () => {
    const [story, key] = [newStory(), { "idempotency-key": crypto.randomUUID() }];
    scene.podium.next(reply.text("Internal error", 500));
    await scene.enqueue(story, key);
    scene.podium.status = reply.text(`{"stories":[{"storyId":"${story}","status":"in_progress"}]}`);
    const replayed = await scene.enqueue(story, key);
    expect(replayed.json).toMatchObject({ success: true, podium_result: "Internal error" });
    expect(scene.podium.commands).toHaveLength(1);
  });
}

function floods(scene: Scene): void {
  test("a halt passes three hundred looks at a status that hangs, and few of them reach Podium", async () => {
    const hold = gate();
    scene.podium.status = reply.after(hold.opened, reply.text(yes));
    const looks = Array.from({ length: 300 }, () => scene.dispatch({ action: "status" }));
    await scene.podium.until(({ requests }) => requests[0], "the first look");
    expect((await scene.dispatch({ action: "halt" })).status).toBe(200);
    expect(scene.podium.requests.filter(({ method }) => method === "GET").length).toBeLessThan(10);
    hold.open();
    for (const { status } of await Promise.all(looks)) expect([200, 503]).toContain(status);
  });
}
