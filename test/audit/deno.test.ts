import { expect, test } from "bun:test";
import { expectAcknowledgedHeld, expectIntentsAccounted } from "./accounting.ts";
import { newPlace, openLog, recordsIn } from "./log-folder.ts";
import { denoCommand, driver, jobOf, readOutput } from "./traced.ts";

/** The same source under the other runtime: what one writes the other goes on from and verifies. */

const isSkipped = denoCommand.length === 0 && process.env["CI"] !== "true";
if (isSkipped) process.stderr.write("SKIPPED, because Deno is not installed: a log written under Deno\n");

test.skipIf(isSkipped)(
  "a log written under Deno, with rotation, pruning and a key change, goes on under Bun",
  async () => {
    const place = newPlace();
    const child = Bun.spawn([...denoCommand, driver, jobOf(place, { mode: "life" })], {
      stdout: "pipe",
      stderr: "pipe",
    });
    const output = await new Response(child.stdout).text();
    expect({ code: await child.exited, errors: await new Response(child.stderr).text() }).toEqual({
      code: 0,
      errors: "",
    });
    const { acknowledged, fatal } = readOutput(output);
    expect(fatal).toBeUndefined();
    expect(acknowledged.length).toBe(10);
    await expectAcknowledgedHeld(place, acknowledged, "Deno");
    expectIntentsAccounted(place, "Deno");
    const { log } = await openLog(place);
    await log.close();
    expect(recordsIn(place.active).at(-1)).toMatchObject({ event: "close" });
    await expectAcknowledgedHeld(place, acknowledged, "Deno, then Bun");
  },
  30_000,
);
