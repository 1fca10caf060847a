import { expect, test } from "bun:test";
import { runtime } from "#runtime";
import { openDoors } from "../../src/cli/doors.ts";

const listen = { tcp: true, allowed_hosts: [], allowed_origins: [] };
const fetch = (): Response => new Response();
const refusal = (host: string, port: number): Promise<string> =>
  openDoors(runtime, { ...listen, host, port }, fetch).then(
    () => "open",
    (error: Error) => error.message,
  );

test("a port that is taken is named as it stands in a URL", async () => {
  const other = await runtime.serve({ host: "127.0.0.1", port: 0, fetch });
  // The same address, written as IPv6 has it.
  const mapped = await refusal("::ffff:127.0.0.1", other.port);
  await other.stop(true);
  expect(mapped).toStartWith(`Cannot listen on [::ffff:127.0.0.1]:${other.port}: another program does already.`);
});

test.each(["nonexistent.invalid", "192.0.2.1"])("%s is no address of this machine, and that is said", async (host) => {
  const why = "that is no address of this machine, nor a name of one. Choose another --host";
  expect(await refusal(host, 0)).toBe(`Cannot listen on ${host}:0: ${why}`);
});
