import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import type { Files } from "../../src/runtime/types.ts";

/** Takes a folder of its own and throws when the promise is broken. */
export type FilesCase = (files: Files, dir: string) => void | Promise<void>;

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const modeOf = (target: string): number => fs.statSync(target).mode & 0o777;
const hasCode = (code: string) => (error: unknown) => (error as { code?: string }).code === code;

/** A link to a file that must stay as it is. */
function linkIn(dir: string): { link: string; untouched: () => void } {
  const target = path.join(dir, "target");
  const link = path.join(dir, "link");
  fs.writeFileSync(target, "precious");
  fs.symlinkSync(target, link);
  return { link, untouched: () => assert.equal(fs.readFileSync(target, "utf8"), "precious") };
}

function refusesLinks(open: (files: Files, link: string) => unknown): FilesCase {
  return (files, dir) => {
    const { link, untouched } = linkIn(dir);
    assert.throws(() => open(files, link), hasCode("ELOOP"));
    untouched();
    assert.ok(fs.lstatSync(link).isSymbolicLink());
  };
}

/** A link that leads nowhere must not make the file it names. */
function refusesDanglingLinks(open: (files: Files, link: string) => unknown): FilesCase {
  return (files, dir) => {
    const nowhere = path.join(dir, "nowhere");
    const link = path.join(dir, "link");
    fs.symlinkSync(nowhere, link);
    assert.throws(() => open(files, link));
    assert.equal(fs.existsSync(nowhere), false);
  };
}

const links: Readonly<Record<string, FilesCase>> = {
  "openAppend follows no symlink": refusesLinks((files, link) => files.openAppend(link)),
  "openRead follows no symlink": refusesLinks((files, link) => files.openRead(link)),
  "readAll follows no symlink": refusesLinks((files, link) => files.readAll(link, 100)),
  "truncate follows no symlink": refusesLinks((files, link) => files.truncate(link, 0)),
  "lock follows no symlink": refusesLinks((files, link) => files.lock(link)),
  "openAppend makes nothing behind a dangling symlink": refusesDanglingLinks((files, link) => files.openAppend(link)),
  "lock makes nothing behind a dangling symlink": refusesDanglingLinks((files, link) => files.lock(link)),
  "writeNew refuses a symlink as a file that is there": (files, dir) => {
    const { link, untouched } = linkIn(dir);
    assert.throws(() => files.writeNew(link, "new", 0o600), hasCode("EEXIST"));
    untouched();
  },
  "writeAtomic replaces a symlink and leaves its target alone": (files, dir) => {
    const { link, untouched } = linkIn(dir);
    files.writeAtomic(link, "new", 0o600);
    untouched();
    assert.ok(fs.lstatSync(link).isFile());
  },
  "stat tells a symlink from what it names": (files, dir) => {
    assert.equal(files.stat(linkIn(dir).link)?.kind, "symlink");
  },
};

function refusesStrangeKinds(open: (files: Files, target: string) => unknown): FilesCase {
  return (files, dir) => {
    execFileSync("mkfifo", [path.join(dir, "pipe")]);
    assert.throws(() => open(files, path.join(dir, "pipe")), hasCode("EINVAL"));
    assert.throws(() => open(files, "/dev/null"), hasCode("EINVAL"));
    assert.throws(() => open(files, dir), hasCode("EISDIR"));
  };
}

/** Opening a pipe that nobody else has open would wait for ever. */
const kinds: Readonly<Record<string, FilesCase>> = {
  "openAppend opens plain files only": refusesStrangeKinds((files, target) => files.openAppend(target)),
  "openRead opens plain files only": refusesStrangeKinds((files, target) => files.openRead(target)),
  "readAll opens plain files only": refusesStrangeKinds((files, target) => files.readAll(target, 100)),
  "truncate opens plain files only": refusesStrangeKinds((files, target) => files.truncate(target, 0)),
  "lock opens plain files only": refusesStrangeKinds((files, target) => files.lock(target)),
};

const writing: Readonly<Record<string, FilesCase>> = {
  "writeAtomic writes the bytes with the mode, whatever the umask": (files, dir) => {
    const target = path.join(dir, "key");
    files.writeAtomic(target, "old", 0o600);
    files.writeAtomic(target, bytes("new ä"), 0o666);
    assert.equal(fs.readFileSync(target, "utf8"), "new ä");
    assert.equal(modeOf(target), 0o666);
    assert.deepEqual(fs.readdirSync(dir), ["key"]);
  },
  "writeAtomic writes an empty file": (files, dir) => {
    files.writeAtomic(path.join(dir, "empty"), "", 0o600);
    assert.equal(fs.statSync(path.join(dir, "empty")).size, 0);
  },
  "writeAtomic that fails leaves the old file and nothing beside it": (files, dir) => {
    const target = path.join(dir, "folder");
    fs.mkdirSync(path.join(target, "inside"), { recursive: true });
    assert.throws(() => files.writeAtomic(target, "new", 0o600));
    assert.deepEqual(fs.readdirSync(dir), ["folder"]);
  },
  "writeAtomic is not stopped by a temporary file of a crash": (files, dir) => {
    const target = path.join(dir, "key");
    fs.writeFileSync(`${target}.${process.pid}.tmp`, "half");
    files.writeAtomic(target, "whole", 0o600);
    assert.equal(fs.readFileSync(target, "utf8"), "whole");
    assert.deepEqual(fs.readdirSync(dir), ["key"]);
  },
  "writeAtomic and lock by root keep to the owner of the file, or of its folder": (files, dir) => {
    // Only root can give a file away.
    if (process.geteuid?.() !== 0) return;
    const target = path.join(dir, "tokens");
    const owners = (): number[] => ["tokens", "lock"].map((name) => fs.statSync(path.join(dir, name)).uid);
    fs.chownSync(dir, 54_321, 54_321);
    files.writeAtomic(target, "new", 0o600);
    files.lock(path.join(dir, "lock"))?.release();
    assert.deepEqual(owners(), [54_321, 54_321]);
    fs.chownSync(dir, 0, 0);
    files.writeAtomic(target, "newer", 0o600);
    assert.deepEqual(owners(), [54_321, 54_321]);
    fs.chownSync(dir, 54_321, 54_321);
    fs.chownSync(target, 0, 0);
    files.writeAtomic(target, "root's own", 0o600);
    assert.equal(owners()[0], 0);
  },
  "writeNew makes a file once": (files, dir) => {
    const target = path.join(dir, "key");
    files.writeNew(target, "first", 0o600);
    assert.throws(() => files.writeNew(target, "second", 0o600), hasCode("EEXIST"));
    assert.equal(fs.readFileSync(target, "utf8"), "first");
    assert.equal(modeOf(target), 0o600);
  },
  "openAppend creates 0600, appends and tells facts of what is open": async (files, dir) => {
    const target = path.join(dir, "log");
    const file = files.openAppend(target);
    assert.equal(file.write(bytes("one\n")), 4);
    await file.datasync();
    fs.renameSync(target, `${target}.moved`);
    fs.writeFileSync(target, "another file");
    assert.equal(file.write(bytes("two\n")), 4);
    assert.equal(file.stat().bytes, 8);
    assert.notEqual(file.stat().inode, files.stat(target)?.inode);
    file.close();
    assert.equal(modeOf(`${target}.moved`), 0o600);
    assert.equal(fs.readFileSync(`${target}.moved`, "utf8"), "one\ntwo\n");
  },
  "truncate cuts to the byte": (files, dir) => {
    const target = path.join(dir, "log");
    fs.writeFileSync(target, "0123456789");
    files.truncate(target, 4);
    assert.equal(fs.readFileSync(target, "utf8"), "0123");
  },
};

const reading: Readonly<Record<string, FilesCase>> = {
  "readAll reads up to its bound and refuses one byte more": (files, dir) => {
    const target = path.join(dir, "file");
    fs.writeFileSync(target, "12345");
    assert.equal(new TextDecoder().decode(files.readAll(target, 5)), "12345");
    assert.throws(() => files.readAll(target, 4), hasCode("EFBIG"));
  },
  "readAll gives an empty file as no bytes": (files, dir) => {
    fs.writeFileSync(path.join(dir, "file"), "");
    assert.equal(files.readAll(path.join(dir, "file"), 0).length, 0);
  },
  "what is not there is ENOENT, and no facts": (files, dir) => {
    assert.throws(() => files.readAll(path.join(dir, "none"), 10), hasCode("ENOENT"));
    assert.throws(() => files.openRead(path.join(dir, "none")), hasCode("ENOENT"));
    assert.equal(files.stat(path.join(dir, "none")), undefined);
  },
  "reads stand at their offset, and end with 0": async (files, dir) => {
    fs.writeFileSync(path.join(dir, "file"), "0123456789");
    const file = files.openRead(path.join(dir, "file"));
    const into = new Uint8Array(4);
    assert.equal(file.read(into, 8), 2);
    assert.equal(new TextDecoder().decode(into.subarray(0, 2)), "89");
    assert.equal(await file.readAsync(into, 3), 4);
    assert.equal(new TextDecoder().decode(into), "3456");
    assert.equal(file.read(into, 10), 0);
    assert.equal(await file.readAsync(into, 11), 0);
    file.close();
  },
  "a folder lists its names by code unit": (files, dir) => {
    for (const name of ["b", "a", "B", "ä", "a.10", "a.9"]) fs.writeFileSync(path.join(dir, name), "");
    assert.deepEqual(files.list(dir), ["B", "a", "a.10", "a.9", "b", "ä"]);
  },
  "makeFolder makes the missing parents, closed to others": (files, dir) => {
    files.makeFolder(path.join(dir, "a/b"), 0o700);
    assert.equal(modeOf(path.join(dir, "a")), 0o700);
    assert.equal(modeOf(path.join(dir, "a/b")), 0o700);
    files.syncFolder(path.join(dir, "a"));
  },
  "free bytes are a number of bytes": (files, dir) => {
    assert.ok(files.freeBytes(dir) > 0);
  },
  "the user is the one that owns what we make": (files, dir) => {
    files.openAppend(path.join(dir, "mine")).close();
    assert.equal(files.stat(path.join(dir, "mine"))?.owner, files.user());
  },
};

export const filesCases: Readonly<Record<string, FilesCase>> = { ...links, ...kinds, ...writing, ...reading };
