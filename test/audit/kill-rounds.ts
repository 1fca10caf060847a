import { expectAcknowledgedHeld, expectIntentsAccounted } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import { intent, openLog } from "./log-folder.ts";
import type { Acknowledged } from "./traced.ts";
import { driver, jobOf, readOutput } from "./traced.ts";

/** kill -9 at random moments under load, again and again on the same folder. */

/** Small and seeded, so that a failing run can be repeated (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** @returns how many records were acknowledged in all */
export async function killRounds(place: Place, rounds: number, seed: number): Promise<number> {
  const random = randomFrom(seed);
  const acknowledged: Acknowledged[] = [];
  for (let round = 1; round <= rounds; round++) {
    const ran = await killOnce(place, round, Math.floor(random() * 400));
    const label = `seed ${seed}, round ${round}`;
    if (ran.fatal !== undefined) throw new Error(`${label}: ${ran.fatal}`);
    acknowledged.push(...ran.acknowledged);
    await expectAcknowledgedHeld(place, acknowledged, label);
  }
  await closeRest(place);
  await expectAcknowledgedHeld(place, acknowledged, `seed ${seed}, at the end`);
  expectIntentsAccounted(place, `seed ${seed}`);
  return acknowledged.length;
}

/** Kills after so many acknowledged records and, because the pipe lags, at some point after them. */
async function killOnce(place: Place, round: number, killAfter: number): Promise<ReturnType<typeof readOutput>> {
  const child = Bun.spawn([process.execPath, driver, jobOf(place, { mode: "load", seed: round, callers: 4 })], {
    stdout: "pipe",
    stderr: "inherit",
  });
  let output = "";
  const decoder = new TextDecoder();
  let lines = 0;
  for await (const chunk of child.stdout) {
    const text = decoder.decode(chunk, { stream: true });
    output += text;
    lines += text.split("\n").length - 1;
    if (lines > killAfter) child.kill("SIGKILL");
  }
  await child.exited;
  // A line that the kill cut in two was not read as acknowledged by anybody.
  return readOutput(output.slice(0, output.lastIndexOf("\n") + 1));
}

/** A last start, which closes what the last kill left open, as the gateway does. */
async function closeRest(place: Place): Promise<void> {
  const open = new Set<string>();
  const { log } = await openLog(place, {
    onRecord: ({ event, audit_id }) => {
      if (event === "intent") open.add(audit_id!);
      else if (event === "outcome" || event === "unknown") open.delete(audit_id!);
    },
  });
  for (const audit_id of open) await log.append({ event: "unknown", audit_id, result: "unknown" });
  await log.append(intent(1)).then(({ audit_id }) => log.append({ event: "outcome", audit_id: audit_id! }));
  await log.close();
}
