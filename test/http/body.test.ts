import { expect, test } from "bun:test";
import { readJsonBody } from "../../src/http/body.ts";
import { eventually } from "../e2e/watch.ts";

function requestWith(body: ReadableStream<Uint8Array> | string, headers: Record<string, string> = {}): Request {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  return new Request("http://127.0.0.1/", init);
}

/** Says `{` and then what `next` does. */
function begun(next: (controller: ReadableStreamDefaultController<Uint8Array>) => void): ReadableStream<Uint8Array> {
  let isBegun = false;
  return new ReadableStream({
    pull(controller) {
      if (isBegun) return next(controller);
      isBegun = true;
      controller.enqueue(new TextEncoder().encode("{"));
    },
  });
}

test("a body of a known length and one in pieces are read whole", async () => {
  const inPieces = requestWith(
    begun((controller) => {
      controller.enqueue(new TextEncoder().encode("}"));
      controller.close();
    }),
  );
  for (const request of [requestWith("{}", { "content-length": "2" }), inPieces]) {
    expect(new TextDecoder().decode(await readJsonBody(request, 2))).toBe("{}");
  }
});

test("one that does not end is not waited for", async () => {
  const request = requestWith(begun(() => {}));
  const error = await readJsonBody(request, 100, 20).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "too_slow", retry: "safe" });
});

test.each<Record<string, string>>([{}, { "content-length": "50" }])(
  "a client that hangs up in the middle of it is no fault of ours: %p",
  async (headers) => {
    const gone = new Error("The connection was closed.");
    const request = requestWith(
      begun((controller) => controller.error(gone)),
      headers,
    );
    const error = await readJsonBody(request, 100).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "cancelled_by_client", retry: "safe", cause: gone });
  },
);

test("one that is longer than allowed is refused, whatever it says of its length", async () => {
  for (const headers of [{ "content-length": "101" }, {}]) {
    const request = requestWith("x".repeat(101), headers);
    const error = await readJsonBody(request, 100).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "too_large" });
  }
});

test("what is not called JSON is not read", async () => {
  const request = requestWith("{}", { "content-type": "text/plain" });
  const error = await readJsonBody(request, 100).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "unsupported_media_type" });
  expect(request.bodyUsed).toBe(false);
});

test("what is only passed over is not kept", async () => {
  const chunks: WeakRef<Uint8Array>[] = [];
  const passed = Promise.withResolvers<void>();
  const end = Promise.withResolvers<void>();
  const long = begun((controller) => {
    if (chunks.length === 20) {
      passed.resolve();
      void end.promise.then(() => controller.close());
      return;
    }
    const chunk = new Uint8Array(1_000_000);
    chunks.push(new WeakRef(chunk));
    controller.enqueue(chunk);
  });
  const request = requestWith(long, { "content-length": "30000000" });
  const answer = readJsonBody(request, 100).catch((thrown: unknown) => thrown);
  await passed.promise;
  // The one that was read last may still be in use.
  await eventually(() => {
    Bun.gc(true);
    return chunks.filter((chunk) => chunk.deref()).length < 10 || undefined;
  }, "the chunks to be forgotten");
  end.resolve();
  expect(await answer).toMatchObject({ code: "too_large" });
});
