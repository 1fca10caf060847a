import { expect, test } from "bun:test";
import { Scans } from "../../src/audit/scans.ts";
import { readRecords } from "../../src/audit/read.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { intent, newPlace, openLog, rejection } from "./log-folder.ts";

/** Searches of the whole log take turns, and end when nobody waits for them any more. */

test("two run at a time, 32 wait in order, and more are refused", async () => {
  const scans = new Scans();
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const search = (number: number): Promise<number> =>
    scans.run(() => {
      begun.push(number);
      return new Promise((resolve) => ends.push(() => resolve(number)));
    });
  const all = Array.from({ length: 34 }, (_, i) => search(i));
  expect(begun).toEqual([0, 1]);
  expect(await rejection(search(34))).toMatchObject({ code: "rate_limited", retry: "safe" });
  for (let i = 0; i < 34; i++) {
    ends[i]!();
    await all[i];
    await Promise.resolve();
    expect(begun.length).toBe(Math.min(34, i + 3));
  }
  expect(begun).toEqual(all.map((_, i) => i));
  // The places are free again, after a failure too.
  await rejection(scans.run(() => Promise.reject(new Error("torn"))));
  const again = [search(35), search(36)];
  expect(begun.slice(-2)).toEqual([35, 36]);
  for (const end of ends.slice(-2)) end();
  await Promise.all(again);
});

test("a search whose caller has gone reads no further", async () => {
  const place = newPlace();
  const { log } = await openLog(place);
  for (let i = 0; i < 5; i++)
    await log.appendMany(Array.from({ length: 60 }, (_, at) => ({ ...intent(at), detail: "x".repeat(10_000) })));
  await log.close();
  let gone = new AbortController();
  let reads = 0;
  const files = {
    ...runtime.files,
    openRead: (path: string) => {
      const file = runtime.files.openRead(path);
      return {
        ...file,
        readAsync: (into: Uint8Array, at: number) => {
          if (++reads === 2) gone.abort();
          return file.readAsync(into, at);
        },
      };
    },
  };
  const deps = { files, sha256: runtime.sha256, dir: place.dir };
  const query = { limit: 10, filter: { story_id: "NONE" } };
  await readRecords(deps, query);
  expect(reads).toBeGreaterThan(5);
  for (const order of ["oldest", "newest"] as const) {
    reads = 0;
    gone = new AbortController();
    expect(await readRecords(deps, { ...query, order }, gone.signal)).toEqual({ records: [] });
    expect(reads).toBe(2);
  }
  const late = new AbortController();
  late.abort();
  reads = 0;
  await readRecords(deps, query, late.signal);
  expect(reads).toBe(0);
});
