import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, expect, test } from "bun:test";
import { bunLauncher, environment, plannedRoot, removeRoot, runCommand, startGateway } from "../e2e/launcher.ts";

const root = plannedRoot();
mkdirSync(root, { mode: 0o700, recursive: true });
afterAll(() => removeRoot(root));

const run = (...args: string[]) => runCommand(bunLauncher, args, { env: environment(root) });

test("audit rotate-key makes no log where there is none, and says so as audit verify does", async () => {
  const none = await run("audit", "rotate-key");
  const { code, stderr } = await run("audit", "verify");
  expect(none).toEqual({ ...none, code, stdout: "", stderr });
  expect(stderr).toContain(`there is no folder ${root}/logs`);
  expect(existsSync(`${root}/logs`)).toBe(false);
  mkdirSync(`${root}/logs`, { mode: 0o700 });
  const empty = await run("audit", "rotate-key");
  expect(empty.code).toBe((await run("audit", "verify")).code);
  expect(empty.stderr).toContain(`${root}/logs: the folder holds no audit log`);
  expect(readdirSync(`${root}/logs`)).toEqual([]);
});

test("audit rotate-key signs with a new key, on record by both, and the log stays whole", async () => {
  await (await startGateway(bunLauncher, { podiumUrl: "http://127.0.0.1:9", root })).stop();
  const first = await run("audit", "rotate-key");
  expect(first.code).toBe(0);
  const second = await run("audit", "rotate-key");
  expect(second.stdout).toContain("a new key");
  expect(second.stdout).not.toBe(first.stdout);
  expect(second.stdout).toEndWith(`\n\n${readFileSync(`${root}/logs/orchestrator-audit.checkpoint`, "utf8")}`);
  const verified = await run("audit", "verify", "--json");
  expect(JSON.parse(verified.stdout)).toMatchObject({ ok: true, keyIsPinned: true });
  // An older key is trusted on, and is not called the one that signs now.
  const [, old] = /now on: (\S+)/.exec(first.stdout)!;
  writeFileSync(`${root}/old.pub`, old!);
  const { stdout } = await run("audit", "verify", "--key", `${root}/old.pub`);
  expect(stdout).toContain("(it follows from the given key by 1 signed change)");
  expect(stdout).not.toContain(old!);
});

test("audit rotate-key leaves a log alone that a server is writing", async () => {
  const gateway = await startGateway(bunLauncher, { podiumUrl: "http://127.0.0.1:9", root });
  const before = gateway.auditLines();
  const refused = await run("audit", "rotate-key");
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("another roxy-core process");
  expect(gateway.auditLines()).toEqual(before);
  await gateway.kill();
});
