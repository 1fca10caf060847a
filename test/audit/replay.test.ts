import { expect, test } from "bun:test";
import { copyFileSync, renameSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { survey } from "../../src/audit/folder.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog, rejection } from "./log-folder.ts";

/** What a start reads, and what it finds in files of which it reads only the ends. */

function closedIn(place: Place): string[] {
  return survey(runtime.files, place.dir).closed.map(({ path }) => path);
}

/** A closed file for each of these days; a start reads the last one and looks at the others. */
async function severalDays(): Promise<{ place: Place; clock: HandClock; closed: string[] }> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  for (let day = 0; day < 5; day++) {
    await log.append(intent(day));
    clock.advanceDays(1);
  }
  await log.append(intent(5));
  await log.close();
  return { place, clock, closed: closedIn(place) };
}

test("a whole day of running is handed to the projections, however many files it lies in", async () => {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock, rotateBytesMax: 1 });
  const { seq } = await log.append({ ...intent(1), idempotency_key: "night-shift" });
  for (const hours of [13, 5, 5]) {
    clock.ms += hours * 3_600_000;
    await log.append(intent(hours));
  }
  await log.close();
  const { log: again, seen } = await openLog(place, { clock });
  expect(seen.find((record) => record.seq === seq)).toMatchObject({ idempotency_key: "night-shift" });
  await again.close();
});

test("a missing file shows at the start, though its neighbours are not read", async () => {
  const { place, clock, closed } = await severalDays();
  rmSync(closed[1]!);
  const error = await rejection(openLog(place, { clock }));
  expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining("records are missing") });
});

test("so does a file of another log, though its numbers and its days fit", async () => {
  const { place, clock, closed } = await severalDays();
  const other = await severalDays();
  expect(other.closed.map((path) => basename(path))).toEqual(closed.map((path) => basename(path)));
  copyFileSync(other.closed[1]!, closed[1]!);
  const error = await rejection(openLog(place, { clock }));
  expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining("records are missing or were changed") });
});

test.each(["its checkpoint", "its key"])("a log that is gone is not begun anew while %s is there", async (witness) => {
  const place = newPlace();
  await (await openLog(place)).log.close();
  rmSync(place.active);
  if (witness === "its key") rmSync(place.checkpoint);
  else renameSync(place.keyFile, join(place.root, "elsewhere"));
  const error = await rejection(openLog(place));
  expect(error).toMatchObject({ exitCode: 4, message: expect.stringContaining(`the log is gone, but ${witness}`) });
});
