import { expect, test } from "bun:test";
import { runtime } from "../../src/runtime/bun.ts";
import type { Files } from "../../src/runtime/types.ts";
import { HandClock, intent, newPlace, openLog } from "./log-folder.ts";

/** Real files that count what is open and what is locked. */
function countedFiles(): { files: Files; held: { open: number; locked: number } } {
  const held = { open: 0, locked: 0 };
  const openAppend: Files["openAppend"] = (path) => {
    const file = runtime.files.openAppend(path);
    held.open++;
    return { ...file, close: () => (held.open--, file.close()) };
  };
  const lock: Files["lock"] = (path) => {
    const taken = runtime.files.lock(path);
    if (taken) held.locked++;
    return taken && { release: () => (held.locked--, taken.release()) };
  };
  return { files: { ...runtime.files, openAppend, lock }, held };
}

test("a rotation holds one file and its lock, beside the folder's; a stop lets go of all", async () => {
  const { files, held } = countedFiles();
  const clock = new HandClock();
  const { log } = await openLog(newPlace(), { files, clock });
  for (let day = 0; day < 5; day++) {
    clock.advanceDays(1);
    await log.append(intent(day));
    expect(held).toEqual({ open: 1, locked: 2 });
  }
  await log.close();
  expect(held).toEqual({ open: 0, locked: 0 });
});
