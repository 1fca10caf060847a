import { describe, expect, test } from "bun:test";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { rmSync } from "node:fs";
import { expectAcknowledgedHeld } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import { newPlace, openLog } from "./log-folder.ts";
import { driver, jobOf, readOutput, runTraced, tracedTest } from "./traced.ts";

/** src/audit/README.md, property 1, 3 and 7, at the system calls themselves. */

describe("Property 1: Write ahead", () => {
  tracedTest(
    "write, fdatasync = 0, and only then a connection to Podium",
    async () => {
      const place = newPlace();
      const podium = createServer((socket) => socket.end());
      await new Promise<void>((resolve) => podium.listen(0, "127.0.0.1", resolve));
      const { port } = podium.address() as AddressInfo;
      const ran = await runTraced(place, { mode: "dispatch", port }, ["-e", "trace=write,fdatasync,connect"]);
      podium.close();
      expect(ran.exitCode).toBe(0);
      const written = ran.trace.findIndex(
        (line) => line.includes("write(") && line.includes("orchestrator-audit.jsonl") && line.includes("intent"),
      );
      const synced = ran.trace.findIndex((line, at) => at > written && /fdatasync.*= 0$/.test(line));
      const connected = ran.trace.findIndex((line) => line.includes(`sin_port=htons(${port})`));
      expect(written).toBeGreaterThan(0);
      expect(synced).toBeGreaterThan(written);
      expect(connected).toBeGreaterThan(synced);
    },
    20_000,
  );
});

/**
 * The calls that change files, with how many of each a life of five days makes: first start, rotations, a key change,
 * prunings, stop; as many as each has, for upkeep runs beside the appends, so that one may have a checkpoint less than
 * another. strace counts them by thread; fdatasync runs on two.
 */
const calls = [
  { call: "write", times: 14, onLogOnly: true },
  { call: "fdatasync", times: 7, onLogOnly: true },
  { call: "fsync", times: 34, onLogOnly: false },
  { call: "rename", times: 14, onLogOnly: false },
  { call: "unlink", times: 10, onLogOnly: false },
] as const;
const faults = ["error=EIO", "error=ENOSPC", "signal=KILL"] as const;
/** Every fault at every call in `bun run torture`; here one of them at each, in turn. */
const all = process.env["TORTURE"] === "1";
/** As many as there are processors to spare on a small machine. */
const lanes = 2;

describe("Property 3 and property 7: EIO, ENOSPC and SIGKILL at each call, rotation and pruning included", () => {
  for (const { call, times, onLogOnly } of calls) {
    tracedTest(
      `at each ${call}: the process ends, nothing is written after it, and the next start loses nothing`,
      async () => {
        const cases = Array.from({ length: times }, (_, i) => i + 1).flatMap((when) =>
          (all ? faults : [faults[when % faults.length]!]).map((fault) => ({ when, fault })),
        );
        let hits = 0;
        const lane = async (): Promise<void> => {
          for (let next = cases.shift(); next; next = cases.shift()) {
            if (await meets(call, next.when, next.fault, onLogOnly)) hits++;
          }
        };
        const wanted = cases.length;
        await Promise.all(Array.from({ length: lanes }, lane));
        expect(hits).toBe(wanted);
      },
      all ? 600_000 : 60_000,
    );
  }

  tracedTest(
    "a short write",
    async () => {
      const place = newPlace();
      const inject = ["-P", place.active, "-e", "trace=write", "-e", "inject=write:retval=100:when=5+"];
      const ran = await runTraced(place, { mode: "life" }, inject);
      expect(ran).toMatchObject({ exitCode: 1, fatal: expect.stringContaining("a write took 100 of") });
      await expectStartsAgain(place, ran.acknowledged, "a short write");
    },
    20_000,
  );

  test("a file that may not grow (ulimit -f): the real short write", async () => {
    const place = newPlace();
    const script = `ulimit -f 16; trap '' XFSZ; exec "$0" "$@"`;
    const child = Bun.spawn(
      ["bash", "-c", script, process.execPath, driver, jobOf(place, { mode: "load", callers: 8 })],
      {
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    const ran = readOutput(await new Response(child.stdout).text());
    expect(await child.exited).toBe(1);
    expect(ran.fatal).toMatch(/a write took \d+ of \d+ bytes|EFBIG/);
    expect(ran.acknowledged.length).toBeGreaterThan(10);
    await expectStartsAgain(place, ran.acknowledged, "ulimit -f");
  }, 20_000);
});

/** @returns whether the life had such a call */
async function meets(call: string, when: number, fault: string, onLogOnly: boolean): Promise<boolean> {
  const place = newPlace();
  const label = `${fault} at ${call} ${when}`;
  const scope = onLogOnly ? ["-P", place.active] : [];
  const trace = ["-e", `trace=${call},write`, "-e", `inject=${call}:${fault}:when=${when}`];
  const ran = await runTraced(place, { mode: "life" }, [...scope, ...trace]);
  const at = ran.trace.findIndex((line) => line.includes("(INJECTED)"));
  // Clearing away what was never there may fail unheeded: the file is made with O_EXCL.
  const isHarmless = call === "unlink" && ran.trace[at]?.includes(".tmp");
  if (at !== -1 && !ran.killed && !isHarmless) {
    expect({ label, exitCode: ran.exitCode, fatal: typeof ran.fatal }).toEqual({ label, exitCode: 1, fatal: "string" });
    const later = ran.trace.slice(at + 1).filter((line) => /write\(\d+<[^>]*orchestrator-audit\.jsonl>/.test(line));
    expect({ label, later }).toEqual({ label, later: [] });
  }
  await expectStartsAgain(place, ran.acknowledged, label);
  rmSync(place.root, { recursive: true });
  return at !== -1 || ran.killed;
}

async function expectStartsAgain(
  place: Place,
  acknowledged: Parameters<typeof expectAcknowledgedHeld>[1],
  label: string,
): Promise<void> {
  let opened;
  try {
    opened = await openLog(place, { retentionDays: 90 });
  } catch (error) {
    throw new Error(`${label}: the next start fails: ${String(error)}`, { cause: error });
  }
  await opened.log.close();
  await expectAcknowledgedHeld(place, acknowledged, label);
}
