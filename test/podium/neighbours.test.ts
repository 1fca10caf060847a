import { expect, test } from "bun:test";
import { neighbourWatch } from "../../src/podium/neighbours.ts";
import type { OutgoingRequest } from "../../src/runtime/types.ts";
import { FakeClock } from "../lib/fake-clock.ts";

/** A neighbour that answers with this status; 0: not at all. */
function watching(status: number, url = "http://127.0.0.1:4899/") {
  const asked: OutgoingRequest[] = [];
  const clock = new FakeClock();
  const exchange = (request: OutgoingRequest) => {
    asked.push(request);
    if (status === 0) return Promise.reject(new Error("Cannot connect"));
    return Promise.resolve({ status, contentType: "", body: new Uint8Array(0) });
  };
  const look = neighbourWatch({ neighbours: [{ name: "voice", url, health: "/health" }], exchange, clock });
  return { look, asked, clock };
}

test("a neighbour is looked at once in ten seconds, however many ask, and then anew", async () => {
  const { look, asked, clock } = watching(200);
  const first = await Promise.all([look(), look()]);
  clock.pass(10_000);
  expect([await look(), first[1]]).toEqual([first[0], first[0]]);
  expect(asked.map(({ url }) => url)).toEqual(["http://127.0.0.1:4899/health"]);
  clock.pass(1);
  const [again] = await look();
  expect(asked).toHaveLength(2);
  expect(again!.checked_at).toBe("2026-01-09T08:00:10.001Z");
});

test.each([
  [200, { health: "up" }],
  [204, { health: "up" }],
  [404, { health: "degraded", detail: "answers 404" }],
  [500, { health: "degraded", detail: "answers 500" }],
  [0, { health: "down", detail: "Cannot connect" }],
])("a neighbour that answers %p", async (status, expected) => {
  expect(await watching(status).look()).toEqual([expect.objectContaining({ name: "voice", port: 4899, ...expected })]);
});

test.each([
  ["http://voice.lan", 80],
  ["https://voice.lan", 443],
])("the port of %s is %i", async (url, port) => {
  expect((await watching(200, url).look())[0]!.port).toBe(port);
});
