import { describe, expect, test } from "bun:test";
import { clientBytesMax, clientsMax, Telemetry } from "../../src/luno/telemetry.ts";
import type { Peer } from "../../src/runtime/types.ts";

function peerWith(waitingBytes: () => number) {
  const seen: string[] = [];
  const peer: Peer = {
    send: (text) => {
      seen.push(text);
      return waitingBytes();
    },
    close: (code) => void seen.push(`close ${code}`),
    terminate: () => void seen.push("terminated"),
  };
  return { peer, seen };
}
const pong = { type: "PONG", timestamp: "2026-01-09T08:00:00.000Z" } as const;

describe("Telemetry", () => {
  test("drops a client that does not read, and goes on serving the others", () => {
    const telemetry = new Telemetry();
    let waiting = clientBytesMax;
    const slow = peerWith(() => waiting);
    const quick = peerWith(() => 0);
    telemetry.add(slow.peer, []);
    telemetry.add(quick.peer, []);
    telemetry.publish(pong);
    expect(telemetry.clients).toBe(2);
    waiting++;
    telemetry.publish(pong);
    telemetry.publish(pong);
    expect(slow.seen).toEqual([JSON.stringify(pong), JSON.stringify(pong), "terminated"]);
    expect(quick.seen.length).toBe(3);
    expect(telemetry.clients).toBe(1);
  });

  test("welcomes a client before anything else reaches it", () => {
    const telemetry = new Telemetry();
    const { peer, seen } = peerWith(() => 0);
    telemetry.add(peer, [{ ...pong, timestamp: "first" }]);
    telemetry.publish(pong);
    expect(seen[0]).toContain("first");
  });

  test("is full at its bound, closes all with 1001", () => {
    const telemetry = new Telemetry();
    const peers = Array.from({ length: clientsMax }, () => peerWith(() => 0));
    for (const { peer } of peers) telemetry.add(peer, []);
    expect(telemetry.isFull).toBe(true);
    telemetry.closeAll();
    expect(peers.every(({ seen }) => seen.at(-1) === "close 1001")).toBe(true);
    expect(telemetry.clients).toBe(0);
  });
});
