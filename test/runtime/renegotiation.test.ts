import { afterEach, expect, test } from "bun:test";
import { spawn, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { hasOpenssl, identityOf, newAuthority } from "./authority.ts";
import { runtimeNames, startDriver } from "./driver.ts";

/**
 * A server may ask for a second handshake once it has read the request, as those do that want a certificate for some paths
 * only (RFC 5246, section 7.4.1.1). The connection is then ready for a second time, and the request has left already.
 */
const ends: (() => void)[] = [];
afterEach(() => {
  for (const end of ends.splice(0)) end();
});

/** Where there is no Node, Bun's stand-in for it can't do this. */
const hasNode = spawnSync("node", ["-p", "process.versions.bun"]).stdout?.toString() === "undefined\n";
const isThere = (hasNode && hasOpenssl) || process.env["CI"] === "true";
if (!isThere) process.stderr.write("SKIPPED, because node is missing: a second handshake\n");

test.skipIf(!isThere).each(runtimeNames)("on %s, what has left does not leave again", async (name) => {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-tls-"));
  ends.push(() => fs.rmSync(dir, { recursive: true }));
  const authority = newAuthority(dir);
  identityOf(dir, "DNS:localhost");
  const files = [path.join(dir, "own.key"), path.join(dir, "own.pem")];
  const server = spawn("node", [path.join(import.meta.dir, "renegotiating.mjs"), ...files], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  ends.push(() => server.kill("SIGKILL"));
  const lines = createInterface({ input: server.stdout })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value as string;
  const driver = startDriver(name, { NODE_EXTRA_CA_CERTS: authority, DENO_CERT: authority });
  ends.push(driver.stop);
  const url = `https://localhost:${await line()}/`;
  const result = await driver.exchange({
    url,
    method: "POST",
    headers: {},
    body: "{}",
    timeoutMs: 5000,
    bodyBytesMax: 100,
  });
  expect(await line()).toBe("1");
  // Deno knows no second handshake and hangs up: then nobody knows.
  if (name === "bun") expect(result).toMatchObject({ status: 200, body: "ok" });
  else expect(result).toMatchObject({ kind: "broken", sent: true });
});
