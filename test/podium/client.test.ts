import { expect, test } from "bun:test";
import { createPodiumClient } from "../../src/podium/client.ts";
import type { OutgoingRequest } from "../../src/runtime/types.ts";
import { ExchangeError } from "../../src/runtime/types.ts";

const yes = { status: 200, contentType: "application/json", body: new TextEncoder().encode('{"ok":1}') };

function clientThat(answer: () => typeof yes) {
  const sent: OutgoingRequest[] = [];
  const exchange = async (request: OutgoingRequest) => {
    sent.push(request);
    return answer();
  };
  return { sent, client: createPodiumClient({ exchange, url: "http://127.0.0.1:3847", timeoutMs: () => 30_000 }) };
}

test("a command goes out once, as JSON, with its token", async () => {
  const { sent, client } = clientThat(() => yes);
  const verdict = await client.send({ method: "POST", path: "/api/command", body: '{"type":"HALT"}' }, "t0ken");
  expect(verdict.kind).toBe("accepted");
  expect(sent).toEqual([
    {
      url: "http://127.0.0.1:3847/api/command",
      method: "POST",
      headers: {
        accept: "application/json",
        "accept-encoding": "identity",
        authorization: "Bearer t0ken",
        "content-type": "application/json",
      },
      body: '{"type":"HALT"}',
      timeoutMs: 30_000,
      bodyBytesMax: 4_194_304,
    },
  ]);
});

test("a look at the status has no body, and no token when there is none", async () => {
  const { sent, client } = clientThat(() => yes);
  await client.send({ method: "GET", path: "/api/status" }, undefined, { timeoutMs: 10_000 });
  expect(sent[0]).toEqual({
    url: "http://127.0.0.1:3847/api/status",
    method: "GET",
    headers: { accept: "application/json", "accept-encoding": "identity" },
    timeoutMs: 10_000,
    bodyBytesMax: 4_194_304,
  });
});

test("whoever may still take a command back is asked before it leaves", async () => {
  const { sent, client } = clientThat(() => yes);
  const mayLeave = (): boolean => false;
  await client.send({ method: "POST", path: "/api/command", body: "{}" }, undefined, { mayLeave });
  expect(sent[0]!.mayLeave).toBe(mayLeave);
});

test("a failed exchange is not tried again and not thrown", async () => {
  const { sent, client } = clientThat(() => {
    throw new ExchangeError("timeout", true, "No answer within 30000 ms");
  });
  const verdict = await client.send({ method: "POST", path: "/api/command", body: "{}" }, undefined);
  expect(verdict).toMatchObject({ kind: "unknown", code: "podium_timeout" });
  expect(sent).toHaveLength(1);
});

test("a fault that nobody foresaw counts as sent", async () => {
  const { client } = clientThat(() => {
    throw new TypeError("surprise");
  });
  const verdict = await client.send({ method: "POST", path: "/api/command", body: "{}" }, undefined);
  expect(verdict).toMatchObject({ kind: "unknown", code: "podium_invalid_response" });
});

test("so does one in reading an answer", async () => {
  const { client } = clientThat(() => ({
    ...yes,
    get body(): typeof yes.body {
      throw new RangeError("Maximum call stack size exceeded");
    },
  }));
  const verdict = await client.send({ method: "POST", path: "/api/command", body: "{}" }, undefined);
  expect(verdict).toMatchObject({ kind: "unknown", detail: expect.stringContaining("Maximum call stack") });
});
