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

const logCalls = (place: Place): string[] => ["-P", place.active];

describe("Property 3: An injected fault ends the process non-zero, and nothing acknowledged is lost", () => {
  for (const [what, inject, onLogOnly] of [
    ["EIO from fdatasync", "fdatasync:error=EIO:when=3+", true],
    ["ENOSPC from write", "write:error=ENOSPC:when=4+", true],
    ["EIO from write", "write:error=EIO:when=6+", true],
    ["a short write", "write:retval=100:when=5+", true],
    ["EIO from rename, on rotation", "rename:error=EIO:when=3+", false],
    ["EIO from fsync of a folder or checkpoint", "fsync:error=EIO:when=9+", false],
    ["ENOSPC from fdatasync", "fdatasync:error=ENOSPC:when=2+", true],
  ] as const) {
    tracedTest(
      what,
      async () => {
        const place = newPlace();
        const name = inject.slice(0, inject.indexOf(":"));
        const scope = onLogOnly ? logCalls(place) : [];
        const ran = await runTraced(place, { mode: "life" }, [
          ...scope,
          "-e",
          `trace=${name}`,
          "-e",
          `inject=${inject}`,
        ]);
        expect(ran.trace.some((line) => line.includes("(INJECTED)"))).toBe(true);
        expect(ran.exitCode).toBe(1);
        expect(ran.fatal).toBeString();
        await expectStartsAgain(place, ran.acknowledged, what);
      },
      20_000,
    );
  }

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

/** All of them in `bun run torture`; here a spread that still meets every kind of call. */
const all = process.env["TORTURE"] === "1";
const kills: readonly (readonly [string, readonly number[]])[] = [
  ["write", all ? range(1, 30) : [2, 5, 9]],
  ["fdatasync", all ? range(1, 12) : [1, 3]],
  ["fsync", all ? range(1, 60) : [2, 5, 11, 17]],
  ["rename", all ? range(1, 20) : [1, 2, 3, 5, 8]],
  ["unlink", all ? range(1, 16) : [1, 6, 10]],
];

describe("Property 7: SIGKILL at a system call, rotation and pruning included", () => {
  for (const [call, times] of kills) {
    tracedTest(
      `at ${call} number ${times.length > 6 ? `1 to ${times.length}` : times.join(", ")}`,
      async () => {
        let killed = 0;
        for (const when of times) {
          const place = newPlace();
          const ran = await runTraced(place, { mode: "life" }, [
            "-e",
            `trace=${call}`,
            "-e",
            `inject=${call}:signal=KILL:when=${when}`,
          ]);
          if (ran.killed) killed++;
          const label = `SIGKILL at ${call} ${when}`;
          await expectStartsAgain(place, ran.acknowledged, label);
          rmSync(place.root, { recursive: true });
        }
        // Past the last call of its kind the driver simply ends; the times were chosen so that most meet one.
        expect(killed).toBeGreaterThan(times.length / 2);
      },
      all ? 600_000 : 60_000,
    );
  }
});

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from + 1 }, (_, i) => from + i);
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
