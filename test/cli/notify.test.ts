import { afterAll, expect, test } from "bun:test";
import path from "node:path";
import { startChild } from "../e2e/child.ts";
import { bunLauncher, environment, startGateway } from "../e2e/launcher.ts";
import { newRoot } from "./stage.ts";

/** The service manager's side of sd_notify(3): prints each datagram as one line of JSON. */
const listener = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
print("bound", flush=True)
while True:
    data, fds, _, _ = socket.recv_fds(s, 4096, 4)
    for fd in fds: socket.close(fd)
    if data != b"BARRIER=1": print(json.dumps(data.decode()), flush=True)
`;

const tools = [Bun.which("systemd-notify"), Bun.which("python3")];
const missing = tools.includes(null);
if (missing && process.env["CI"] === "true") throw new Error("systemd-notify and python3 must be installed");
if (missing) process.stderr.write("SKIPPED: readiness as a service manager sees it (systemd-notify, python3)\n");

const ends: (() => unknown)[] = [];
afterAll(async () => {
  for (const end of ends) await end();
});

test.skipIf(missing)("a service manager hears of readiness, of life and of the end, in this order", async () => {
  const root = newRoot();
  const socket = path.join(root, "notify");
  const manager = startChild(["python3", "-c", listener, socket], { env: environment(root) });
  ends.push(() => manager.kill("SIGKILL"));
  await manager.line((line) => (line === "bound" ? true : undefined), "the socket is bound");
  const env = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: "200000" };
  const gateway = await startGateway(bunLauncher, { podiumUrl: "http://127.0.0.1:9", root, env });
  ends.push(() => gateway.kill());
  const heard = (word: string): Promise<string> =>
    manager.line((line) => (line.includes(word) ? (JSON.parse(line) as string) : undefined), `it hears ${word}`);
  const ready = await heard("READY=1");
  expect(ready).toContain(`Listening on ${gateway.baseUrl}`);
  expect(ready).toContain(`MAINPID=${gateway.child.pid}`);
  await heard("WATCHDOG=1");
  await gateway.stop();
  await heard("STOPPING=1");
  const words = manager
    .stdout()
    .split("\n")
    .filter((line) => line.startsWith('"'));
  expect(words[0]).toContain("READY=1");
  expect(words.at(-1)).toContain("STOPPING=1");
});
