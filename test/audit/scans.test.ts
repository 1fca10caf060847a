import { expect, test } from "bun:test";
import { Scans } from "../../src/audit/scans.ts";
import { readRecords } from "../../src/audit/read.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { intent, newPlace, openLog, rejection } from "./log-folder.ts";

const anywhere = { files: runtime.files, sha256: runtime.sha256, dir: "/nowhere" };

/** Searches of the whole log take turns, and end when nobody waits for them any more. */

test("two run at a time, 32 wait in order, and more are refused", async () => {
  const scans = new Scans(() => anywhere);
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

test("whoever has gone gives the place in the line back at once, and is not searched for", async () => {
  const scans = new Scans(() => anywhere);
  const hold = Promise.withResolvers<void>();
  const busy = [scans.run(() => hold.promise), scans.run(() => hold.promise)];
  const gone = new AbortController();
  let searches = 0;
  const search = (signal?: AbortSignal): Promise<number> => scans.run(() => Promise.resolve(++searches), signal);
  const left = Array.from({ length: 32 }, () => rejection(search(gone.signal)));
  expect(await rejection(search())).toMatchObject({ code: "rate_limited" });
  gone.abort();
  for (const each of left) expect(await each).toMatchObject({ code: "cancelled_by_client" });
  const next = search();
  hold.resolve();
  await Promise.all(busy);
  expect(await next).toBe(1);
  expect(await rejection(search(gone.signal))).toMatchObject({ code: "cancelled_by_client" });
  // Whoever had gone before takes no place either.
  const again = Promise.withResolvers<void>();
  const busyAgain = [scans.run(() => again.promise), scans.run(() => again.promise)];
  const late = await Promise.all(Array.from({ length: 40 }, () => rejection(search(gone.signal))));
  expect(late.every((error) => (error as { code?: string }).code === "cancelled_by_client")).toBe(true);
  again.resolve();
  await Promise.all(busyAgain);
  expect(await Promise.all([search(), search(), search()])).toEqual([2, 3, 4]);
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
  const scans = new Scans(() => deps);
  const query = { limit: 10, filter: { story_id: "NONE" } };
  await readRecords(deps, query);
  expect(reads).toBeGreaterThan(5);
  for (const order of ["oldest", "newest"] as const) {
    reads = 0;
    gone = new AbortController();
    const search = scans.run((opened) => readRecords(opened, { ...query, order }), gone.signal);
    expect(await rejection(search)).toMatchObject({ code: "cancelled_by_client" });
    expect(reads).toBe(2);
  }
});
