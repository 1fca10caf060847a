import { afterEach, expect, test } from "bun:test";
import type { ChildProcessByStdio } from "node:child_process";
import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import type { Result, RuntimeName } from "./driver.ts";
import { startDriver } from "./driver.ts";

/** A server that takes no connections for a while: what the caller was told must still be true when it does. */
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface Late {
  readonly url: string;
  readonly process: ChildProcessByStdio<Writable, Readable, null>;
  readonly line: () => Promise<string>;
}

async function lateListener(): Promise<Late> {
  const process = spawn("python3", [path.join(import.meta.dir, "late-listener.py")], {
    stdio: ["pipe", "pipe", "inherit"],
  });
  ends.push(() => process.kill("SIGKILL"));
  const lines = createInterface({ input: process.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value as string;
  return { url: `http://127.0.0.1:${await line()}/`, process, line };
}

function callInVain(name: RuntimeName, url: string): Promise<Result> {
  const driver = startDriver(name, {});
  ends.push(driver.stop);
  return driver.exchange({ url, method: "POST", headers: {}, body: "{}", timeoutMs: 300, bodyBytesMax: 100 });
}

const isThere = Bun.which("python3") !== null || globalThis.process.env["CI"] === "true";
if (!isThere) globalThis.process.stderr.write("SKIPPED, because python3 is missing: connections that come too late\n");
const nothingSent = { kind: "unreachable", sent: false };

test.skipIf(!isThere)("on deno a connection that nobody takes is nothing sent", async () => {
  const { url } = await lateListener();
  expect(await callInVain("deno", url)).toMatchObject(nothingSent);
});

test.skipIf(!isThere)("on bun, too, and when it is taken after all, nothing is on it", async () => {
  const { url, process, line } = await lateListener();
  expect(await callInVain("bun", url)).toMatchObject(nothingSent);
  process.stdin.write("take them\n");
  // The one that filled the line, and ours, which the kernel has gone on trying to make.
  expect([await line(), await line()]).toEqual(["0", "0"]);
});
