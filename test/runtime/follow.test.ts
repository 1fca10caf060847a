import { afterAll, describe, expect, test } from "bun:test";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { runtime } from "#runtime";
import type { FollowedAnswer } from "../../src/runtime/types.ts";

/** Says two words; then ends, breaks, or falls silent, as its path says. */
const server = http.createServer((request, response) => {
  if (request.url === "/mute") return;
  response.writeHead(200, { "content-type": "text/event-stream", "x-word": "yes" });
  response.write("one ");
  response.write("two", () => {
    if (request.url === "/end") response.end();
    if (request.url === "/break") response.socket?.destroy();
  });
});
await new Promise<void>((resolve) => {
  server.listen(0, "127.0.0.1", resolve);
});
const { port } = server.address() as AddressInfo;
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const follow = (path: string, idleMs = 60_000): Promise<FollowedAnswer> =>
  runtime.follow({ url: `http://127.0.0.1:${port}/${path}`, headers: {}, headMs: 200, idleMs });

async function textOf({ chunks }: FollowedAnswer, onText: (text: string) => void = () => {}): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    onText(text);
  }
  return text;
}

/** What a promise fails with; one that does not fail is the failure. */
function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => new Error("It did not fail"),
    (error: unknown) => error,
  );
}

describe("follow", () => {
  test("gives the head at once and the body until its end", async () => {
    const answer = await follow("end");
    expect(answer.status).toBe(200);
    expect(answer.headers).toMatchObject({ "content-type": "text/event-stream", "x-word": "yes" });
    expect(await textOf(answer)).toBe("one two");
  });

  test("tells a broken body from one that ended", async () => {
    expect(await failureOf(textOf(await follow("break")))).toMatchObject({
      name: "ExchangeError",
      kind: "broken",
      sent: true,
    });
  });

  test("gives up on a server that says nothing: before the head, and in the middle of the body", async () => {
    expect(await failureOf(follow("mute"))).toMatchObject({ kind: "timeout" });
    expect(await failureOf(textOf(await follow("silent", 100)))).toMatchObject({ kind: "timeout" });
  });

  test("ends without an error when we hang up, also while waiting", async () => {
    const answer = await follow("silent");
    expect(await textOf(answer, (text) => text === "one two" && answer.close())).toBe("one two");
  });

  test("says that nothing was sent when nobody listens", async () => {
    const nobody = runtime.follow({ url: "http://127.0.0.1:1/", headers: {}, headMs: 1000, idleMs: 1000 });
    expect(await failureOf(nobody)).toMatchObject({ kind: "unreachable", sent: false });
  });
});
