import { afterAll, expect, test } from "bun:test";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ownTokens } from "../../src/cli/own-token.ts";
import { commands } from "../../src/cli/commands.ts";
import { runProgram } from "../../src/cli/program.ts";
import { tokensMax } from "../../src/http/client-tokens.ts";
import { TokenStore } from "../../src/http/token-store.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { Runtime } from "../../src/runtime/types.ts";
import { runtime } from "#runtime";

const roots: string[] = [];
afterAll(() => {
  for (const root of roots) rmSync(root, { recursive: true, force: true });
});

function machine(files: Partial<Runtime["files"]> = {}): {
  root: string;
  run(...args: string[]): Promise<{ code: number; out: string; err: string }>;
} {
  const root = mkdtempSync(join(tmpdir(), "roxy-token-"));
  roots.push(root);
  return {
    root,
    async run(...args) {
      let out = "";
      let err = "";
      const process: Runtime["process"] = {
        ...runtime.process,
        env: { ROXY_ROOT: root },
        home: root,
        cwd: root,
        stdout: (text) => void (out += text),
        stderr: (text) => Boolean((err += text)),
      };
      const code = await runProgram({ ...runtime, process, files: { ...runtime.files, ...files } }, commands, args);
      return { code, out, err };
    },
  };
}

function storeOf(path: string): TokenStore {
  return new TokenStore({ files: runtime.files, sha256: runtime.sha256, log: silentLog, path });
}

test("a token is printed once and kept as its digest, in a file that is its owner's alone", async () => {
  const { root, run } = machine();
  const { code, out, err } = await run("token", "add", "voice", "--role", "admin");
  expect(code).toBe(0);
  expect(out).toMatch(/^roxy_[\w-]{43}\n$/);
  const file = `${root}/client-tokens`;
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(readFileSync(file, "utf8")).not.toContain(out.trim());
  expect(err).toContain("auth.token_file");
  expect(storeOf(file).ownerOf(out.trim())).toMatchObject({ name: "voice", role: "admin" });
});

test("list tells names and roles, remove takes one back, and a running server sees it", async () => {
  const { root, run } = machine();
  const token = (await run("token", "add", "wall", "--role=viewer")).out.trim();
  await run("token", "add", "mark", "--role", "admin");
  const store = storeOf(`${root}/client-tokens`);
  expect((await run("token", "list")).out).toMatch(/^wall {2}viewer {2}\S+Z\nmark {2}admin {3}\S+Z\n$/);
  const { tokens } = JSON.parse((await run("token", "list", "--json")).out) as { tokens: { name: string }[] };
  expect(tokens.map(({ name }) => name)).toEqual(["wall", "mark"]);
  expect(store.ownerOf(token)?.name).toBe("wall");
  expect((await run("token", "remove", "wall")).code).toBe(0);
  expect(store.ownerOf(token)).toBeUndefined();
  expect((await run("token", "remove", "wall")).code).toBe(1);
});

test("the user's bare token stays as it is: named tokens go elsewhere, and it can be taken over", async () => {
  const { root, run } = machine();
  const bare = `${root}/secret.token`;
  writeFileSync(bare, "the-users-own-token\n", { mode: 0o600 });
  const refused = await run("token", "add", "eve", "--role", "admin", "--set", `auth.token_file=${bare}`);
  expect(refused.code).toBe(1);
  expect(refused.err).toContain("--from");
  expect(readFileSync(bare, "utf8")).toBe("the-users-own-token\n");
  const named = `${root}/tokens`;
  const taken = await run(
    "token",
    "add",
    "mark",
    "--role",
    "admin",
    "--from",
    bare,
    "--set",
    `auth.token_file=${named}`,
  );
  expect([taken.code, taken.out]).toEqual([0, ""]);
  expect(storeOf(named).ownerOf("the-users-own-token")?.name).toBe("mark");
  expect(ownTokens(runtime, root, named)).toMatchObject({ tokens: ["the-users-own-token"], warnings: [] });
});

test("a token that can't be taken over is named with its file, in one line", async () => {
  const { root, run } = machine();
  const take = (from: string) => run("token", "add", "bob", "--role", "admin", "--from", from);
  for (const [text, says] of [
    [undefined, "Cannot take the token over from FILE: ENOENT"],
    ["a b c\n", "FILE is not one token of 16 to 512 printable characters"],
    ["short\n", "FILE is not one token of 16 to 512 printable characters"],
    [`mark admin sha256:${"0".repeat(64)}\n`, "FILE is not one token of 16 to 512 printable characters"],
  ] as const) {
    const file = `${root}/${text?.length ?? "none"}`;
    if (text !== undefined) writeFileSync(file, text);
    const { code, out, err } = await take(file);
    expect({ code, out }).toEqual({ code: 1, out: "" });
    expect(err).toStartWith(`roxy-core: ${says.replace("FILE", file)}`);
    expect(err.trim()).not.toContain("\n");
  }
  expect((await take(root)).err).toMatch(/^roxy-core: Cannot take the token over from \S+: .*\n$/);
  expect(existsSync(`${root}/client-tokens`)).toBe(false);
  mkdirSync(`${root}/client-tokens.lock`);
  const blocked = await run("token", "add", "bob", "--role", "admin");
  expect(blocked.err).toMatch(/^roxy-core: Cannot change \S+\/client-tokens: .*\n$/);
});

test("our own commands say why they send no token when only digests are there", async () => {
  const { root, run } = machine();
  await run("token", "add", "mark", "--role", "admin");
  const { tokens, warnings } = ownTokens(runtime, root, `${root}/client-tokens`);
  expect(tokens).toEqual([]);
  expect(warnings[0]).toContain("secret.token");
});

test.each([
  [["token"], "Expected add, list or remove"],
  [["token", "add", "x"], "--role"],
  [["token", "add", "x", "--role", "root"], "--role"],
  [["token", "add", "a b", "--role", "admin"], "name"],
  [["token", "add", "token", "--role", "admin"], "name"],
])("%p is bad usage", async (args, words) => {
  const { root, run } = machine();
  const { code, err } = await run(...args);
  expect(code).toBe(2);
  expect(err).toContain(words);
  expect(existsSync(`${root}/client-tokens`)).toBe(false);
});

test("a link in the file's place is neither read nor written through", async () => {
  const { root, run } = machine();
  writeFileSync(`${root}/elsewhere`, "", { mode: 0o600 });
  symlinkSync(`${root}/elsewhere`, `${root}/client-tokens`);
  expect((await run("token", "add", "eve", "--role", "admin")).code).toBe(1);
  expect(readFileSync(`${root}/elsewhere`, "utf8")).toBe("");
  expect(() => storeOf(`${root}/client-tokens`)).toThrow("symbolic link");
});

test("a file that others may write lets nobody in", async () => {
  const { root, run } = machine();
  await run("token", "add", "mark", "--role", "admin");
  chmodSync(`${root}/client-tokens`, 0o620);
  expect(() => storeOf(`${root}/client-tokens`)).toThrow("chmod 600");
});

test("two commands at a time: one waits, and none undoes what the other has written", async () => {
  const tried = Promise.withResolvers<void>();
  const isLocked: boolean[] = [];
  const { root, run } = machine({
    lock(path) {
      const lock = runtime.files.lock(path);
      if (!lock) tried.resolve();
      return lock;
    },
    readAll(path, bytesMax) {
      isLocked.push(runtime.files.lock(`${path}.lock`) === undefined);
      return runtime.files.readAll(path, bytesMax);
    },
  });
  await run("token", "add", "mark", "--role", "admin");
  const file = `${root}/client-tokens`;
  const other = runtime.files.lock(`${file}.lock`)!;
  const adding = run("token", "add", "wall", "--role", "viewer");
  const removing = run("token", "remove", "mark");
  await tried.promise;
  writeFileSync(file, `${readFileSync(file, "utf8")}voice admin sha256:${runtime.sha256("voice")}\n`);
  other.release();
  expect([(await adding).code, (await removing).code]).toEqual([0, 0]);
  expect(isLocked).toEqual([true, true]);
  expect(storeOf(file).ownerOf("voice")?.role).toBe("admin");
  expect(
    readFileSync(file, "utf8")
      .match(/^\w+(?= )/gm)
      ?.toSorted(),
  ).toEqual(["voice", "wall"]);
});

test("the file holds as many tokens as are told apart, and no more", async () => {
  const { root, run } = machine();
  const lines = Array.from({ length: tokensMax - 1 }, (_, i) => `c${i} viewer sha256:${runtime.sha256(`${i}`)}\n`);
  writeFileSync(`${root}/client-tokens`, lines.join(""), { mode: 0o600 });
  expect((await run("token", "add", "last", "--role", "admin")).code).toBe(0);
  const more = await run("token", "add", "more", "--role", "admin");
  expect([more.code, more.err.includes("256 tokens")]).toEqual([1, true]);
  expect(storeOf(`${root}/client-tokens`).ownerOf("0")?.name).toBe("c0");
  appendFileSync(`${root}/client-tokens`, `more viewer sha256:${runtime.sha256("more")}\n`);
  expect(() => storeOf(`${root}/client-tokens`)).toThrow("256 is the most");
});

const asRoot = process.geteuid?.() === 0;
if (!asRoot) process.stderr.write("SKIPPED, because it needs root: token commands that root runs\n");
test.skipIf(!asRoot)("what root changes stays its owner's, and what root makes is the folder's owner's", async () => {
  const { root, run } = machine();
  const stranger = 54_321;
  const file = `${root}/client-tokens`;
  chownSync(root, stranger, stranger);
  expect((await run("token", "add", "mark", "--role", "admin")).code).toBe(0);
  const ownerOf = (path: string): number => statSync(path).uid;
  expect([ownerOf(file), ownerOf(`${file}.lock`)]).toEqual([stranger, stranger]);
  chownSync(root, 0, 0);
  expect((await run("token", "remove", "mark")).code).toBe(0);
  expect([ownerOf(file), statSync(file).mode & 0o777]).toEqual([stranger, 0o600]);
});
