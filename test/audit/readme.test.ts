import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./log-folder.ts";
import { HandClock, intent, newPlace, openLog } from "./log-folder.ts";

/** "Check it without us" in src/audit/README.md, run as written. */

const readme = readFileSync(join(import.meta.dir, "../../src/audit/README.md"), "utf8");
const [chainScript, signatureScript] = [...readme.matchAll(/```sh\n([^]*?)```/g)].map((match) => match[1]!);

async function writtenLog(): Promise<Place> {
  const place = newPlace();
  const clock = new HandClock();
  const { log } = await openLog(place, { clock });
  await log.append({ ...intent(1), detail: 'back\\slash, "quotes", \u007f, \n, \t, %s, $HOME, `id`, ünï, \u2028, 🎸' });
  clock.advanceDays(1);
  await log.append({ ...intent(2), options: { a: "  two  spaces  ", b: -1, c: true } });
  await log.rotateKey();
  await log.close();
  return place;
}

function run(place: Place, script: string): { status: number | null; output: string } {
  const path = join(place.root, "script.sh");
  writeFileSync(path, script);
  // Debian's dash is as plain as shells get.
  const { status, stdout, stderr } = spawnSync("sh", [path, place.dir], { encoding: "utf8" });
  return { status, output: stdout + stderr };
}

describe("Check it without us", () => {
  test("the shell checks every hash and link of an intact log", async () => {
    const place = await writtenLog();
    expect(run(place, chainScript!)).toMatchObject({
      status: 0,
      output: expect.stringMatching(/^chain holds: 6 records, head seq 5 /),
    });
  });

  test("the shell finds a changed record and a missing one", async () => {
    const place = await writtenLog();
    const text = readFileSync(place.active, "utf8");
    writeFileSync(place.active, text.replace("mark", "merk"));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: expect.stringContaining("wrong hash") });
    writeFileSync(place.active, text.replace(/\n[^]*?\n/, "\n"));
    expect(run(place, chainScript!)).toMatchObject({ status: 4, output: expect.stringContaining("does not follow") });
  });

  test("openssl checks the checkpoint's signature, and refuses a changed one", async () => {
    const place = await writtenLog();
    expect(run(place, signatureScript!)).toMatchObject({
      status: 0,
      output: expect.stringContaining("Verified Successfully"),
    });
    writeFileSync(place.checkpoint, readFileSync(place.checkpoint, "utf8").replace("\n6\n", "\n7\n"));
    expect(run(place, signatureScript!).status).toBe(1);
  });
});
