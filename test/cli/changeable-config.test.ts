import { afterEach, expect, test } from "bun:test";
import { chmodSync, chownSync, writeFileSync } from "node:fs";
import path from "node:path";
import { killAll, startChild } from "../e2e/child.ts";
import { bunLauncher, environment } from "../e2e/launcher.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

afterEach(killAll);

/** A root with a configuration, and the words about it once others may change it. */
function openRoot(): { root: string; file: string; warnings: string[] } {
  const root = newRoot();
  const file = path.join(root, "roxy-core.jsonc");
  writeFileSync(file, '{ "listen": { "port": 1 } }');
  chmodSync(file, 0o666);
  chmodSync(root, 0o777);
  const warning = (place: string, mode: string): string =>
    `other users may write ${place} (mode ${mode}), and so decide where commands go and who may send them; chmod go-w it`;
  return { root, file, warnings: [warning(file, "0666"), warning(root, "0777")] };
}

test("config check warns about a configuration that others may change, and calls it valid", async () => {
  const { root, file, warnings } = openRoot();
  const check = () => runHere({ HOME: root, ROXY_ROOT: root }, ["config", "check"]);
  const shown = warnings.map((warning) => `Warning: ${warning}\n`).join("");
  expect(await check()).toEqual({ code: 0, stdout: `${shown}${file} is valid\n`, stderr: "" });
  chmodSync(file, 0o644);
  chmodSync(root, 0o1777);
  expect((await check()).stdout).toBe(`${file} is valid\n`);
});

const asRoot = process.geteuid?.() === 0;
if (!asRoot) process.stderr.write("SKIPPED, because only root may give files away: a stranger's configuration\n");
test.skipIf(!asRoot)("config check warns about a stranger's file in a sticky folder", async () => {
  const { root, file } = openRoot();
  chmodSync(file, 0o644);
  chmodSync(root, 0o1777);
  chownSync(file, 1001, 1001);
  const { stdout } = await runHere({ HOME: root, ROXY_ROOT: root }, ["config", "check"]);
  expect(stdout).toStartWith(`Warning: user 1001 owns ${file}, and so decides where commands go`);
});

test("so does the doctor, for whom it is no reason to fail", async () => {
  const { root, warnings } = openRoot();
  const { stdout } = await runHere({ HOME: root, ROXY_ROOT: root }, [
    "doctor",
    "--json",
    "--podium-url",
    "http://127.0.0.1:1",
  ]);
  const { findings } = JSON.parse(stdout) as { findings: { check: string; state: string; detail: string }[] };
  const found = findings.filter(({ check, state }) => check === "configuration" && state === "warning");
  expect(found.map(({ detail }) => detail)).toEqual(warnings);
});

test("so does serve, which starts nevertheless", async () => {
  const { root, warnings } = openRoot();
  const words = ["serve", "--port", "0", "--podium-url", "http://127.0.0.1:1"];
  const child = startChild([...bunLauncher.command, ...words], { env: environment(root), cwd: root });
  await child.line((line) => line.includes('"listening"') || undefined, "the gateway to listen");
  const told = child
    .stderr()
    .split("\n")
    .filter((line) => line.includes('"configuration"'));
  expect(told.map((line) => (JSON.parse(line) as { level: string; message: string }).message)).toEqual(warnings);
  expect(told.every((line) => line.includes('"warn"'))).toBe(true);
  child.kill("SIGTERM");
  expect((await child.ended).code).toBe(0);
});
