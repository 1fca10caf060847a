import { afterEach, describe, expect, test } from "bun:test";
import type { PodiumClient } from "../../src/podium/client.ts";
import { sendSigned } from "../../src/podium/send-signed.ts";
import { Problem } from "../../src/lib/errors.ts";
import { Telemetry } from "../../src/podium/telemetry.ts";
import type { Desk } from "../dispatch/desk.ts";
import { ask, enqueue, incoming, openDesk, quiet } from "../dispatch/desk.ts";
import { said, yes } from "../dispatch/scripted-podium.ts";
import { eventually } from "../e2e/watch.ts";

const claims = { subject: "mark", role: "viewer" } as const;
const status = { method: "GET", path: "/api/status" } as const;

const desks: Desk[] = [];
/** A Podium that knows only the previous secret's tokens, in front of a gateway with both, or with the new one alone. */
async function openRotating({ previous = true } = {}): Promise<Desk> {
  const desk = await openDesk({ storyCooldownS: 0 });
  desks.push(desk);
  Object.assign(desk.deps, {
    token: () => Promise.resolve("new"),
    ...(previous && { previousToken: () => Promise.resolve("old") }),
  });
  desk.podium.rule = ({ auditId: token }) => (token === "old" ? yes : said(401, '{"error":"unknown key"}'));
  return desk;
}
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk.close();
});

const tokensAt = (desk: Desk): (string | undefined)[] => desk.podium.received.map(({ auditId }) => auditId);

describe("while a new secret is being brought in", () => {
  test("a command that Podium refuses unseen goes out once more, signed with the previous secret", async () => {
    const desk = await openRotating();
    expect(await ask(desk, incoming(enqueue("S-1")))).not.toBeInstanceOf(Problem);
    expect(tokensAt(desk)).toEqual(["new", "old"]);
    const outcomes = desk.records().filter(({ event }) => event === "intent" || event === "outcome");
    expect(outcomes.map(({ event, result }) => result ?? event)).toEqual(["intent", "queued"]);
  });

  test("twice refused is refused, and not tried a third time", async () => {
    const desk = await openRotating();
    desk.podium.rule = () => said(401, "{}");
    const answer = await ask(desk, incoming(enqueue("S-1")));
    expect(answer).toMatchObject({ code: "podium_rejected", retry: "safe" });
    expect(tokensAt(desk)).toEqual(["new", "old"]);
  });

  test.each([400, 403, 409, 500, 503])("%i is no word about the token: nothing goes out twice", async (code) => {
    const desk = await openRotating();
    desk.podium.rule = () => said(code, "{}");
    await ask(desk, incoming(enqueue("S-1")));
    expect(tokensAt(desk)).toEqual(["new"]);
  });

  test("without a previous secret a 401 is the end", async () => {
    const desk = await openRotating({ previous: false });
    await ask(desk, incoming(enqueue("S-1")));
    expect(tokensAt(desk)).toEqual(["new"]);
  });

  test("a halt between the two tries wins: the second is not sent", async () => {
    const desk = await openRotating();
    const held = Promise.withResolvers<string>();
    Object.assign(desk.deps, { previousToken: () => held.promise });
    const waiting = ask(desk, incoming(enqueue("S-1")));
    while (desk.podium.received.length === 0) await quiet();
    Object.assign(desk.deps, { token: () => Promise.resolve("old") });
    await ask(desk, incoming({ action: "halt" }));
    held.resolve("old");
    expect(await waiting).toMatchObject({ code: "cancelled_by_halt", retry: "safe" });
    expect(desk.podium.received.map(({ body }) => body["type"])).toEqual(["ENQUEUE_STORY", "HALT"]);
  });

  test("questions are asked again, too", async () => {
    const { podium, deps } = await openRotating();
    const verdict = await sendSigned({ ...deps, podium }, status, claims);
    expect(verdict.kind).toBe("accepted");
    expect(podium.received.map(({ auditId }) => auditId)).toEqual(["new", "old"]);
  });
});

test("a question waits no longer for its second answer than for its first", async () => {
  const patience: unknown[] = [];
  const podium: PodiumClient = {
    send: (_request, _token, options) => (patience.push(options?.timeoutMs), Promise.resolve(said(401, "{}"))),
  };
  const token = (): Promise<string> => Promise.resolve("t");
  await sendSigned({ podium, token, previousToken: token }, status, claims, 700);
  expect(patience).toEqual([700, 700]);
});

test("the telemetry socket tries the previous secret after a 401, and stays with what worked", async () => {
  const tokens: (string | null)[] = [];
  const sockets: { terminate(): void }[] = [];
  const podium = Bun.serve({
    port: 0,
    fetch(request, server) {
      const token = new URL(request.url).searchParams.get("token");
      tokens.push(token);
      if (token === "old" && server.upgrade(request)) return undefined;
      return new Response("{}", { status: 401 });
    },
    websocket: { open: (socket) => void sockets.push(socket), message() {} },
  });
  const telemetry = new Telemetry({
    url: `ws://127.0.0.1:${podium.port}/ws`,
    signer: { token: () => Promise.resolve("new"), previousToken: () => Promise.resolve("old") },
    random: () => 0,
    onFrame() {},
    onState() {},
  });
  telemetry.start();
  await eventually(() => sockets[0], "a connection");
  sockets[0]!.terminate();
  await eventually(() => sockets[1], "a second connection");
  telemetry.stop();
  await podium.stop(true);
  expect(tokens).toEqual(["new", "old", "old"]);
});
