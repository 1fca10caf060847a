import { expect, spyOn, test } from "bun:test";
import { bunExchange } from "../../src/runtime/bun-exchange.ts";

/** A connection of which the kernel has taken nothing that is counted, and that is then gone. */
function losesAll({ socket: handlers, data }: Bun.TCPSocketConnectOptions<unknown>): Promise<never> {
  const socket = { data, write: () => 0, terminate() {} } as unknown as Bun.Socket<unknown>;
  void handlers.open?.(socket);
  handlers.handshake?.(socket, true, null);
  void handlers.close?.(socket);
  return new Promise(() => {});
}

test.each([
  ["http", { kind: "unreachable", sent: false }],
  // Part of a record may have left, and a record is counted whole or not at all.
  ["https", { kind: "broken", sent: true }],
])("what %s has not counted as taken when it is lost", async (scheme, expected) => {
  const spy = spyOn(Bun, "connect").mockImplementation(losesAll as unknown as typeof Bun.connect);
  try {
    const request = { method: "POST", headers: {}, body: "{}", timeoutMs: 5_000, bodyBytesMax: 100 } as const;
    const failed: unknown = await bunExchange({ ...request, url: `${scheme}://127.0.0.1:9/` }).catch((error) => error);
    expect(failed).toMatchObject(expected);
  } finally {
    spy.mockRestore();
  }
});
