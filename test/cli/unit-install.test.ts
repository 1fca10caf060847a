import { expect, test } from "bun:test";
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { lineDiff } from "../../src/cli/line-diff.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

function machine(): { home: string; unit: string; run(...args: string[]): ReturnType<typeof runHere> } {
  const home = newRoot();
  const env = { PATH: "/usr/bin:/bin", HOME: home, XDG_CONFIG_HOME: path.join(home, "cfg") };
  return {
    home,
    unit: path.join(home, "cfg/systemd/user/roxy-core.service"),
    run: (...args) => runHere(env, ["unit", "--user", ...args]),
  };
}

test("--install shows the difference, writes, and does nothing the second time", async () => {
  const { unit, run } = machine();
  const dry = await run("--install", "--dry-run");
  expect(dry.stdout).toContain("+Type=notify");
  expect(existsSync(unit)).toBe(false);
  const first = await run("--install");
  expect(first.stdout).toContain(`+++ ${unit}`);
  expect(first.stdout).toContain("systemctl --user daemon-reload");
  expect(readFileSync(unit, "utf8")).toBe((await run()).stdout);
  expect(statSync(unit).mode & 0o777).toBe(0o644);
  const { ino, mtimeMs } = statSync(unit);
  expect((await run("--install")).stdout).toBe(`${unit} is as it should be\n`);
  expect(statSync(unit)).toMatchObject({ ino, mtimeMs });
});

test("what a person changed is shown before it goes", async () => {
  const { unit, run } = machine();
  await run("--install");
  writeFileSync(unit, readFileSync(unit, "utf8").replace("RestartSec=2", "RestartSec=9"));
  const { stdout } = await run("--install");
  expect(stdout).toContain("\n-RestartSec=9\n+RestartSec=2\n");
  expect(stdout.split("\n").filter((line) => /^[+-][^+-]/.test(line))).toHaveLength(2);
});

test("a link in the unit's place is not written through", async () => {
  const { home, unit, run } = machine();
  mkdirSync(path.dirname(unit), { recursive: true });
  writeFileSync(path.join(home, "elsewhere"), "mine");
  symlinkSync(path.join(home, "elsewhere"), unit);
  expect((await run("--install")).code).toBe(1);
  expect(readFileSync(path.join(home, "elsewhere"), "utf8")).toBe("mine");
});

test("a file where a folder should be is said in one line", async () => {
  const { home, unit, run } = machine();
  writeFileSync(path.join(home, "cfg"), "");
  const { code, stdout, stderr } = await run("--install");
  expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
  expect(stderr).toStartWith(`roxy-core: Cannot read ${unit}: ENOTDIR`);
  expect(stderr.trim()).not.toContain("\n");
});

test("the secret's file becomes a credential, encrypted when it is", async () => {
  const { run } = machine();
  expect((await run("--jwt-secret", "/etc/s")).stdout).toContain("\nLoadCredential=podium_jwt_secret:/etc/s\n");
  expect((await run("--jwt-secret", "/etc/s.cred")).stdout).toContain("\nLoadCredentialEncrypted=podium_jwt_secret:");
  expect((await run("--jwt-key", "/etc/k")).stdout).toContain("\nLoadCredential=podium_jwt_private_key:/etc/k\n");
  expect((await run("--jwt-key", "/etc/k", "--jwt-secret", "/etc/s")).code).toBe(2);
});

test("a gateway that reaches other machines is not cut off from them", async () => {
  const { home, run } = machine();
  const config = path.join(home, "c.jsonc");
  expect((await run()).stdout).not.toContain("IPAddressDeny");
  const local = await runHere({ HOME: home, PATH: "/usr/bin" }, ["unit", "--system"]);
  expect(local.stdout).toContain("IPAddressDeny=any");
  writeFileSync(config, '{ "podium": { "url": "http://10.0.0.9:3847" }, "audit": { "dir": "/srv/audit log" } }');
  const remote = await runHere({ HOME: home, PATH: "/usr/bin" }, ["unit", "--system", "--config", config]);
  expect(remote.stdout).not.toContain("IPAddressDeny");
  expect(remote.stdout).toContain('ReadWritePaths="/srv/audit log"');
});

test("a unix socket gets a folder of the service's own, or a way out of the sandbox", async () => {
  const { home } = machine();
  const config = path.join(home, "c.jsonc");
  const unitFor = async (socket: string): Promise<string> => {
    writeFileSync(config, JSON.stringify({ listen: { socket } }));
    return (await runHere({ HOME: home, PATH: "/usr/bin" }, ["unit", "--system", "--config", config])).stdout;
  };
  const own = await unitFor("/run/roxy-core/api.sock");
  expect(own).toContain("\nRuntimeDirectory=roxy-core\nRuntimeDirectoryMode=0700\n");
  expect(own).not.toContain("ReadWritePaths");
  const other = await unitFor("/srv/doors/api.sock");
  expect(other).toContain("\nReadWritePaths=/srv/doors\n");
  expect(other).not.toContain("RuntimeDirectory");
});

test.each([
  ["", "", []],
  ["", "a\n", ["+a"]],
  ["a\nb\nc\n", "a\nc\n", [" a", "-b", " c"]],
  ["a\nc\n", "a\nb\nc\n", [" a", "+b", " c"]],
  ["a\n", "b\n", ["-a", "+b"]],
])("the difference of %p and %p", (before, after, lines) => {
  expect(lineDiff(before, after)).toEqual(lines);
});
