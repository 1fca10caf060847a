import { describe, expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bunLauncher, environment } from "../e2e/launcher.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog } from "./log-folder.ts";

/** What a folder may turn out to be: each a clear message with the path, what is wrong and what to do; no byte changed. */

/** Two closed days and the active file, under the place's root as ROXY_ROOT. */
async function someLog(): Promise<Place & { closed: string }> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  for (let day = 0; day < 3; day++) {
    await log.append(intent(day));
    if (day < 2) clock.advanceDays(1);
  }
  await log.close();
  const closed = readdirSync(place.dir).filter((name) => name.startsWith("orchestrator-audit-"));
  return { ...place, closed: join(place.dir, closed.toSorted()[1]!) };
}

/** Every path of ours below, with what it is and its bytes: the lock apart, which holds none. */
function inventory(root: string): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of readdirSync(root, { recursive: true, encoding: "utf8" })) {
    // The runtime keeps a cache in its home folder.
    if (name.endsWith(".lock") || !/^(logs|keys|real)/.test(name)) continue;
    const stats = lstatSync(join(root, name));
    found[name] = `${stats.mode} ${stats.isFile() ? readFileSync(join(root, name), "base64") : ""}`;
  }
  return found;
}

/** A hang is a failure like any other: ended after 20 s, with no exit code. */
function run(place: Place, ...words: string[]): { code: number | null; said: string } {
  const [program, ...args] = bunLauncher.command as [string, ...string[]];
  const child = Bun.spawnSync([program, ...args, ...words], {
    env: environment(place.root),
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  return { code: child.exitCode, said: child.stdout.toString() + child.stderr.toString() };
}

const asRoot = process.getuid?.() === 0;

interface Case {
  readonly what: string;
  readonly spoil: (place: Place & { closed: string }) => void;
  /** The path, what is wrong, what to do: as `serve` says it. */
  readonly serve: readonly [number, (place: Place & { closed: string }) => string, string, string];
  readonly verify: readonly [number, string];
}

const active = (place: Place): string => place.active;
const dir = (place: Place): string => place.dir;
const pipeAt = (path: string): void => {
  rmSync(path);
  execFileSync("mkfifo", ["-m", "600", path]);
};
const folderAt = (path: string): void => {
  rmSync(path);
  mkdirSync(path, { mode: 0o700 });
};

const cases: readonly Case[] = [
  {
    what: "a folder that is a file",
    spoil: (place) => {
      rmSync(place.dir, { recursive: true });
      writeFileSync(place.dir, "mine", { mode: 0o600 });
    },
    serve: [1, dir, "it is a file, not a folder", "Move it away"],
    verify: [4, "is not a folder"],
  },
  {
    what: "a folder that is a symlink",
    spoil: (place) => {
      renameSync(place.dir, `${place.dir}.real`);
      symlinkSync(`${place.dir}.real`, place.dir);
    },
    serve: [1, dir, "it is a symlink, not a folder", "Move it away"],
    verify: [4, "is not a folder"],
  },
  {
    what: "a group-writable folder",
    spoil: (place) => chmodSync(place.dir, 0o770),
    serve: [1, dir, "others may use it (mode 770)", "Run: chmod 700"],
    verify: [0, "Intact"],
  },
  {
    what: "somebody else's folder",
    spoil: (place) => chownSync(place.dir, 12345, 12345),
    serve: [1, dir, "it belongs to user 12345", "Run roxy-core as its owner"],
    verify: [0, "Intact"],
  },
  {
    what: "a symlink in the place of the log",
    spoil: (place) => {
      renameSync(place.active, join(place.root, "real"));
      symlinkSync(join(place.root, "real"), place.active);
    },
    serve: [1, active, "it is a symlink, not a plain file", "Put the real file in its place"],
    verify: [4, "it is a symlink"],
  },
  {
    what: "a pipe in the place of the log",
    spoil: (place) => pipeAt(place.active),
    serve: [1, active, "it is a device or pipe", "Put the real file in its place"],
    verify: [4, "it is a device or pipe"],
  },
  {
    what: "a folder in the place of the log",
    spoil: (place) => folderAt(place.active),
    serve: [1, active, "it is a folder, not a plain file", "Put the real file in its place"],
    verify: [4, "it is a folder"],
  },
  {
    what: "a pipe in the place of a closed file",
    spoil: (place) => pipeAt(place.closed),
    serve: [1, (place) => place.closed, "it is a device or pipe", "Put the real file in its place"],
    verify: [4, "it is a device or pipe"],
  },
  {
    what: "a folder in the place of a closed file",
    spoil: (place) => folderAt(place.closed),
    serve: [1, (place) => place.closed, "it is a folder", "Put the real file in its place"],
    verify: [4, "it is a folder"],
  },
  {
    what: "a pipe in the place of the checkpoint",
    spoil: (place) => pipeAt(place.checkpoint),
    serve: [1, (place) => place.checkpoint, "it is a device or pipe", "Put the real file in its place"],
    verify: [4, "it is a device or pipe"],
  },
  {
    what: "a log of a newer format version",
    spoil: (place) => {
      for (const name of readdirSync(place.dir).filter((each) => each.endsWith(".jsonl"))) {
        const path = join(place.dir, name);
        writeFileSync(path, readFileSync(path, "utf8").replaceAll('{"v":1,', '{"v":2,'));
      }
    },
    serve: [1, dir, "format version 2; this program knows 1", "Run the version of roxy-core that wrote it"],
    verify: [1, "Run the version of roxy-core that wrote it"],
  },
  {
    what: "one record of a newer format version: a change like any other",
    spoil: (place) => {
      const text = readFileSync(place.closed, "utf8");
      writeFileSync(place.closed, text.replace('\n{"v":1,', '\n{"v":2,'));
    },
    serve: [
      4,
      dir,
      "format version 2; this program knows 1",
      "If a newer roxy-core went on with this log, run that one",
    ],
    verify: [4, "format version 2"],
  },
  {
    what: "a foreign key",
    spoil: (place) => {
      const pair = execFileSync("openssl", ["genpkey", "-algorithm", "ed25519"]);
      writeFileSync(place.keyFile, pair);
    },
    serve: [4, (place) => place.keyFile, "is another log's key", "Put that one there"],
    verify: [4, "not with the given key"],
  },
  {
    what: "a missing key",
    spoil: (place) => unlinkSync(place.keyFile),
    serve: [1, (place) => place.keyFile, "is missing", "Restore it from a copy"],
    verify: [0, "the key is not pinned"],
  },
  {
    what: "an emptied folder",
    spoil: (place) => {
      for (const name of readdirSync(place.dir)) rmSync(join(place.dir, name));
    },
    serve: [4, dir, "the log is gone, but its key", "Restore the log from a copy"],
    verify: [4, "the folder holds no audit log"],
  },
];

describe("Bad input: the path, what is wrong and what to do; never an overwritten byte", () => {
  for (const { what, spoil, serve, verify } of cases) {
    const isSkipped = what.startsWith("somebody else's") && !asRoot;
    if (isSkipped) process.stderr.write(`SKIPPED, because it needs root: ${what}\n`);
    test.skipIf(isSkipped)(
      what,
      async () => {
        const place = await someLog();
        spoil(place);
        const before = inventory(place.root);
        const [code, path, wrong, remedy] = serve;
        const served = run(place, "serve", "--port", "0", "--podium-url", "http://127.0.0.1:9");
        expect(served).toEqual({ code, said: expect.stringContaining(path(place)) });
        expect(served.said).toContain(wrong);
        expect(served.said).toContain(remedy);
        expect(served.said).not.toMatch(/^\s+at /m);
        const verified = run(place, "audit", "verify");
        expect(verified).toEqual({ code: verify[0], said: expect.stringContaining(verify[1]) });
        expect(inventory(place.root)).toEqual(before);
      },
      60_000,
    );
  }

  test("a pipe or folder among the log's files neither hangs nor crashes what only reads", async () => {
    for (const put of [pipeAt, folderAt]) {
      for (const at of ["active", "closed"] as const) {
        const place = await someLog();
        put(place[at]);
        for (const words of [["tail"], ["export"]]) {
          const { code, said } = run(place, "audit", ...words);
          expect(code).toBe(1);
          expect(said).toContain(place[at]);
          expect(said).toContain("not a plain file");
          expect(said).not.toMatch(/^\s+at /m);
        }
      }
    }
  }, 60_000);
});
