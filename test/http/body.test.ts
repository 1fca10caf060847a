import { expect, jest, test } from "bun:test";
import { bodyMs, readJsonBody } from "../../src/http/body.ts";
import { eventually } from "../e2e/watch.ts";

function requestWith(body: ReadableStream<Uint8Array> | string, headers: Record<string, string> = {}): Request {
  const init = { method: "POST", headers: { "content-type": "application/json", ...headers }, body };
  return new Request("http://127.0.0.1/", init);
}

/** Says `{` and then what `next` does. */
function begun(
  next: (controller: ReadableStreamDefaultController<Uint8Array>) => void | Promise<void>,
): ReadableStream<Uint8Array> {
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

test.each<Record<string, string>>([{ "content-length": "30000000" }, {}])(
  "what is only passed over is not kept: %p",
  async (headers) => {
    const chunks: WeakRef<Uint8Array>[] = [];
    const passed = Promise.withResolvers<void>();
    const end = Promise.withResolvers<void>();
    const long = begun(async (controller) => {
      if (chunks.length === 20) {
        passed.resolve();
        await end.promise;
        return controller.close();
      }
      const chunk = new Uint8Array(1_000_000);
      chunks.push(new WeakRef(chunk));
      controller.enqueue(chunk);
    });
    const request = requestWith(long, headers);
    const answer = readJsonBody(request, 100).catch((thrown: unknown) => thrown);
    await passed.promise;
    // The one that was read last may still be in use.
    await eventually(() => {
      Bun.gc(true);
      return chunks.filter((chunk) => chunk.deref()).length < 10 || undefined;
    }, "the chunks to be forgotten");
    end.resolve();
    expect(await answer).toMatchObject({ code: "too_large" });
  },
);

test.each<Record<string, string>>([{ "content-length": "99000000" }, {}])(
  "more than 32 MiB of it is not read for politeness' sake: %p",
  async (headers) => {
    const mebibyte = new Uint8Array(1_048_576);
    let read = 0;
    const endless = begun((controller) => {
      // A gateway that reads all the same must not do so for ever.
      if (++read > 64) return controller.close();
      controller.enqueue(mebibyte);
    });
    const error = await readJsonBody(requestWith(endless, headers), 100).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "too_large" });
    expect(read).toBeLessThan(40);
  },
);

test("nor is it waited for: who announces too much and says nothing is answered after two seconds", async () => {
  jest.useFakeTimers();
  try {
    const answer = readJsonBody(
      requestWith(
        begun(() => {}),
        { "content-length": "101" },
      ),
      100,
    );
    const error = answer.catch((thrown: unknown) => thrown);
    for (const ms of [2_000, bodyMs]) {
      jest.advanceTimersByTime(ms);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(await error).toMatchObject({ code: "too_large" });
  } finally {
    jest.useRealTimers();
  }
});
