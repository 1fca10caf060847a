import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import {
  appendFileSync,
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Place } from "./log-folder.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { HandClock, intent, newPlace, openLog, rejection, snapshot, verifyPlace } from "./log-folder.ts";
import { denoCommand, driver, jobOf } from "./traced.ts";

/** src/audit/README.md, property 5, 8 and 11: the folder is ours alone. */

describe("Property 5: The active file deleted, renamed or replaced under us", () => {
  for (const [what, interfere] of [
    ["deleted", (place: Place) => unlinkSync(place.active)],
    ["renamed, as log rotation does", (place: Place) => renameSync(place.active, `${place.active}.1`)],
    [
      "renamed and created anew",
      (place: Place) => {
        renameSync(place.active, `${place.active}.1`);
        writeFileSync(place.active, "", { mode: 0o600 });
      },
    ],
    [
      "replaced by its own copy",
      (place: Place) => {
        const bytes = readFileSync(place.active);
        writeFileSync(`${place.active}.copy`, bytes, { mode: 0o600 });
        renameSync(`${place.active}.copy`, place.active);
      },
    ],
    ["truncated, as copytruncate does", (place: Place) => truncateSync(place.active, 0)],
    ["appended to by somebody else", (place: Place) => appendFileSync(place.active, "{}\n")],
    [
      "replaced by a symlink to itself elsewhere",
      (place: Place) => {
        renameSync(place.active, join(place.root, "elsewhere"));
        symlinkSync(join(place.root, "elsewhere"), place.active);
      },
    ],
  ] as const) {
    test(`${what}: noticed before the next acknowledgement`, async () => {
      const place = newPlace();
      const { log, fatal, seen } = await openLog(place);
      await log.append(intent(1));
      const before = seen.length;
      interfere(place);
      expect((await rejection(log.append(intent(2)))).code).toBe("audit_unavailable");
      expect(seen.length).toBe(before);
      expect(fatal.map((error) => error.exitCode)).toEqual([4]);
      await log.close();
    });
  }

  test("before a rotation closes the file", async () => {
    const place = newPlace();
    const { log, fatal } = await openLog(place, { rotateBytesMax: 1 });
    appendFileSync(place.active, "{}\n");
    expect((await rejection(log.append(intent(1)))).code).toBe("audit_unavailable");
    expect(fatal.length).toBe(1);
    await log.close();
  });
});

describe("Property 8: One writer", () => {
  test("a second process on the same folder ends with a clear message and changes nothing", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    const before = snapshot(place.dir);
    const second = Bun.spawn([process.execPath, driver, jobOf(place, { mode: "hold" })], { stdout: "pipe" });
    expect(await new Response(second.stdout).text()).toContain(`${place.dir}: another roxy-core process is writing it`);
    expect(await second.exited).toBe(1);
    expect(snapshot(place.dir)).toEqual(before);
    await log.append(intent(1));
    await log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  }, 20_000);

  test("a second log in the same process is refused, too", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    expect((await rejection(openLog(place))).message).toContain("another roxy-core process is writing it");
    await log.close();
    const again = await openLog(place);
    await again.log.close();
  });

  test("a removed lock file lets nobody in: what is being written is locked itself, also after a rotation", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const { log, fatal } = await openLog(place, { clock });
    for (const moment of ["at first", "after a rotation by day", "and after the next one"]) {
      await log.seal();
      unlinkSync(join(place.dir, "orchestrator-audit.lock"));
      const before = snapshot(place.dir);
      for (const [program, ...args] of [[process.execPath], denoCommand]) {
        if (program === undefined) continue;
        const second = Bun.spawn([program, ...args, driver, jobOf(place, { mode: "hold" })], { stdout: "pipe" });
        expect({ moment, said: await new Response(second.stdout).text() }).toEqual({
          moment,
          said: expect.stringContaining(`${place.dir}: another roxy-core process is writing it`),
        });
        expect(await second.exited).toBe(1);
      }
      expect(snapshot(place.dir)).toEqual(before);
      clock.advanceDays(1);
      await log.append(intent(1));
    }
    await log.close();
    expect(fatal).toEqual([]);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  }, 30_000);

  test("in the middle of a rotation, too, when there is no active file", async () => {
    const place = newPlace();
    const clock = new HandClock();
    const refusals: string[] = [];
    const files = {
      ...runtime.files,
      rename(from: string, to: string) {
        runtime.files.rename(from, to);
        if (from !== place.active) return;
        unlinkSync(join(place.dir, "orchestrator-audit.lock"));
        const { stdout } = spawnSync(process.execPath, [driver, jobOf(place, { mode: "hold" })], { encoding: "utf8" });
        refusals.push(stdout);
      },
    };
    const { log } = await openLog(place, { clock, files });
    clock.advanceDays(1);
    await log.append(intent(1));
    await log.close();
    expect(refusals).toEqual([expect.stringContaining("another roxy-core process is writing it")]);
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  }, 20_000);

  test("kill -9 leaves no stale lock", async () => {
    const place = newPlace();
    const holder = Bun.spawn([process.execPath, driver, jobOf(place, { mode: "hold" })], { stdout: "pipe" });
    const reader = holder.stdout.getReader();
    let output = "";
    while (!output.includes("ready\n")) output += new TextDecoder().decode((await reader.read()).value);
    expect((await rejection(openLog(place))).message).toContain("another roxy-core process");
    holder.kill("SIGKILL");
    await holder.exited;
    const { log } = await openLog(place);
    await log.close();
  }, 20_000);

  test("a start that fails lets go of the lock", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    await log.close();
    chmodSync(place.active, 0o644);
    expect((await rejection(openLog(place))).exitCode).toBe(1);
    chmodSync(place.active, 0o600);
    const again = await openLog(place);
    await again.log.close();
  });
});

describe("Property 11: Files 0600, folders 0700, no symlinks, our own", () => {
  test("everything that is made", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    await log.append(intent(1));
    await log.close();
    expect(statSync(place.dir).mode & 0o777).toBe(0o700);
    expect(statSync(join(place.root, "keys")).mode & 0o777).toBe(0o700);
    for (const name of [...snapshot(place.dir).keys(), "orchestrator-audit.lock"]) {
      expect({ name, mode: statSync(join(place.dir, name)).mode & 0o777 }).toEqual({ name, mode: 0o600 });
    }
    expect(statSync(place.keyFile).mode & 0o777).toBe(0o600);
  });

  const asRoot = process.getuid?.() === 0;
  for (const [what, spoil, words] of [
    ["a folder that the group may write", (place: Place) => chmodSync(place.dir, 0o770), "chmod 700"],
    ["a log that others may read", (place: Place) => chmodSync(place.active, 0o644), "chmod 600"],
    ["a key that others may read", (place: Place) => chmodSync(place.keyFile, 0o640), "chmod 600"],
    [
      "a symlink in the place of the log",
      (place: Place) => {
        renameSync(place.active, join(place.root, "real"));
        symlinkSync(join(place.root, "real"), place.active);
      },
      "it is a symlink",
    ],
    [
      "a symlink in the place of the checkpoint",
      (place: Place) => {
        renameSync(place.checkpoint, join(place.root, "real"));
        symlinkSync(join(place.root, "real"), place.checkpoint);
      },
      "it is a symlink",
    ],
    [
      "a folder in the place of the log",
      (place: Place) => {
        unlinkSync(place.active);
        mkdirSync(place.active, 0o700);
      },
      "it is a folder",
    ],
    [
      "somebody else's log",
      (place: Place) => asRoot && chownSync(place.active, 12345, 12345),
      "it belongs to user 12345",
    ],
    [
      "a key that is not one",
      (place: Place) => writeFileSync(place.keyFile, "no key", { mode: 0o600 }),
      "not an Ed25519 private key",
    ],
    ["no key", (place: Place) => unlinkSync(place.keyFile), "is missing"],
    [
      "a symlink in the place of the key",
      (place: Place) => {
        renameSync(place.keyFile, join(place.root, "real"));
        symlinkSync(join(place.root, "real"), place.keyFile);
      },
      "it is a symlink",
    ],
    [
      "a symlink in the place of a key to come",
      (place: Place) => symlinkSync(place.keyFile, `${place.keyFile}.new`),
      "it is a symlink",
    ],
    [
      "a symlink in the place of the keys' folder",
      (place: Place) => {
        renameSync(join(place.root, "keys"), join(place.root, "real"));
        symlinkSync(join(place.root, "real"), join(place.root, "keys"));
      },
      "keys: it is a symlink, not a folder",
    ],
    ["a keys' folder that others may write", (place: Place) => chmodSync(join(place.root, "keys"), 0o770), "chmod 700"],
    [
      "a symlink in the place of the lock",
      (place: Place) => {
        unlinkSync(join(place.dir, "orchestrator-audit.lock"));
        symlinkSync(place.active, join(place.dir, "orchestrator-audit.lock"));
      },
      "it is a symlink",
    ],
  ] as const) {
    const isSkipped = what === "somebody else's log" && !asRoot;
    if (isSkipped) process.stderr.write(`SKIPPED, because it needs root: ${what}\n`);
    test.skipIf(isSkipped)(`${what}: exit code 1, the path, and what to do`, async () => {
      const place = newPlace();
      const { log } = await openLog(place);
      await log.close();
      spoil(place);
      const error = await rejection(openLog(place));
      expect(error.exitCode).toBe(1);
      expect(error.message).toContain(words);
      expect(error.message).toContain(place.root);
    });
  }

  test("a folder that is a file, and a folder that is a symlink", async () => {
    const place = newPlace();
    writeFileSync(place.dir, "");
    expect((await rejection(openLog(place))).message).toContain("it is a file, not a folder");
    const other = newPlace();
    mkdirSync(join(other.root, "real"), 0o700);
    symlinkSync(join(other.root, "real"), other.dir);
    expect((await rejection(openLog(other))).message).toContain("it is a symlink, not a folder");
  });

  test("another log's key: exit code 4", async () => {
    const place = newPlace();
    const other = newPlace();
    for (const each of [place, other]) await (await openLog(each)).log.close();
    writeFileSync(place.keyFile, readFileSync(other.keyFile), { mode: 0o600 });
    expect(await rejection(openLog(place))).toMatchObject({ exitCode: 4 });
  });

  test("a second name for the log, a hard link, harms nothing: the bytes are the same", async () => {
    const place = newPlace();
    const { log } = await openLog(place);
    linkSync(place.active, join(place.root, "other-name"));
    await log.append(intent(1));
    await log.close();
    expect(await verifyPlace(place)).toMatchObject({ ok: true });
  });
});
