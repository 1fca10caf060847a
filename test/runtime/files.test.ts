import { describe, expect, spyOn, test } from "bun:test";
import type { ChildProcessByStdio } from "node:child_process";
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import type { Readable, Writable } from "node:stream";
import { runtime } from "#runtime";
import type { RuntimeName } from "./driver.ts";
import { launchers, runtimeNames } from "./driver.ts";
import { filesCases } from "./files-cases.ts";

const root = path.join(import.meta.dir, "../..");

function commandOf(name: RuntimeName, script: string, ...args: readonly string[]): [string, string[]] {
  const [program, ...before] = launchers[name] as readonly [string, ...string[]];
  return [program, [...before, path.join(import.meta.dir, script), ...args]];
}

for (const name of runtimeNames) {
  describe(`files on ${name}`, () => {
    const [program, args] = commandOf(name, "files-driver.ts");
    const output = execFileSync(program, args, { cwd: root, encoding: "utf8" });
    const results = JSON.parse(output) as Record<string, string | null>;
    test.each(Object.keys(filesCases))("%s", (promise) => {
      expect(results[promise]).toBeNull();
    });
  });
}

interface Holder {
  readonly child: ChildProcessByStdio<Writable, Readable, null>;
  /** The next line that the process says. */
  said(): Promise<string>;
  kill(): Promise<void>;
}

function hold(name: RuntimeName, target: string): Holder {
  const [program, args] = commandOf(name, "lock-driver.ts", target);
  const child = spawn(program, args, { cwd: root, stdio: ["pipe", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  return {
    child,
    said: async () => (await lines.next()).value as string,
    kill: () => {
      child.kill("SIGKILL");
      return gone;
    },
  };
}

function tryLock(target: string): boolean {
  const lock = runtime.files.lock(target);
  lock?.release();
  return lock !== undefined;
}

describe.each(runtimeNames)("a lock held by a process of %s", (name) => {
  test("keeps every other process out, whatever it runs on, until it is killed", async () => {
    const target = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "roxy-lock-")), "lock");
    const first = hold(name, target);
    expect(await first.said()).toBe("held");
    expect(tryLock(target)).toBe(false);
    for (const other of runtimeNames) {
      const second = hold(other, target);
      expect(await second.said()).toBe("refused");
      await second.kill();
    }
    await first.kill();
    expect(tryLock(target)).toBe(true);
  });

  test("is free again once it lets go", async () => {
    const target = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "roxy-lock-")), "lock");
    const first = hold(name, target);
    expect(await first.said()).toBe("held");
    first.child.stdin.write("go\n");
    expect(await first.said()).toBe("released");
    expect(tryLock(target)).toBe(true);
    await first.kill();
  });
});

test("two locks of one process exclude each other too", () => {
  const target = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "roxy-lock-")), "lock");
  const first = runtime.files.lock(target);
  expect(first).toBeDefined();
  expect(tryLock(target)).toBe(false);
  first?.release();
  expect(tryLock(target)).toBe(true);
});

test("whoever waits for the disk right there waits for a real sync, and is told when it fails", async () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "roxy-sync-"));
  const file = runtime.files.openAppend(path.join(folder, "log"));
  const sync = spyOn(fs, "fdatasyncSync");
  try {
    await file.datasync(true);
    expect(sync).toHaveBeenCalledTimes(1);
    sync.mockImplementation(() => {
      throw new Error("EIO");
    });
    expect(await file.datasync(true).catch(String)).toBe("Error: EIO");
  } finally {
    sync.mockRestore();
    file.close();
    fs.rmSync(folder, { recursive: true });
  }
});

test.each([
  ["", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"],
  ["abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"],
])("sha256 of %p is what FIPS 180-4 says", (text, digest) => {
  expect(runtime.sha256(text)).toBe(digest);
  expect(runtime.sha256(new TextEncoder().encode(text))).toBe(digest);
});
