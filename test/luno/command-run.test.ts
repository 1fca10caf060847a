import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import { runtime } from "#runtime";
import { systemClock } from "../../src/lib/clock.ts";
import { runCommand } from "../../src/luno/command-run.ts";
import { atEnd, endAll } from "./luno-under-test.ts";

afterEach(endAll);

/** Runs a shell script; `said(line)` resolves when it has written that line. */
function run(script: string, limits: { runMsMax?: number; graceMs?: number; settleMs?: number } = {}) {
  const lines: string[] = [];
  let look = (): void => {};
  const execution = runCommand({
    process: runtime.process,
    command: ["sh", "-c", script],
    cwd: "/",
    env: { PATH: runtime.process.env["PATH"] },
    listener: {
      line: (text, stream) => {
        lines.push(stream === "stderr" ? `! ${text}` : text);
        look();
      },
      progress() {},
    },
    clock: systemClock,
    ...limits,
  });
  atEnd(() => execution.stop());
  const said = (wanted: RegExp): Promise<string> =>
    new Promise((resolve) => {
      look = () => {
        const found = lines.find((line) => wanted.test(line));
        if (found !== undefined) resolve(found);
      };
      look();
    });
  return { ...execution, lines, said };
}

/** A killed orphan may stay in the process table until init fetches it: `Z` is dead too (proc_pid_stat(5)). */
function isAlive(pid: number): boolean {
  try {
    const stat = fs.readFileSync(`/proc/${pid}/stat`, "utf8");
    return !/^[ZX]$/.test(stat.slice(stat.lastIndexOf(")") + 2)[0] ?? "");
  } catch {
    return false;
  }
}

describe("runCommand", () => {
  test("is done with exit code 0 and tells both output streams line by line", async () => {
    const { ended, lines } = run("echo one; echo two; echo three >&2");
    expect(await ended).toEqual({ status: "done", message: "Exit code 0" });
    expect(lines.toSorted()).toEqual(["! three", "one", "two"]);
  });

  test("is failed with any other exit code, and with a signal", async () => {
    expect(await run("exit 3").ended).toEqual({ status: "failed", message: "Exit code 3" });
    expect(await run("kill -KILL $$").ended).toEqual({
      status: "failed",
      message: "The command was ended by SIGKILL",
    });
  });

  test("is failed, in plain words, when there is no such program", async () => {
    const listener = { line() {}, progress() {} };
    const options = { process: runtime.process, cwd: "/", env: {}, listener, clock: systemClock };
    const { status, message } = await runCommand({ ...options, command: ["/nowhere/program"] }).ended;
    expect(status).toBe("failed");
    expect(message).toContain("Cannot start the command");
  });

  test("stop ends the command and everything it started", async () => {
    const { said, stop, ended } = run('sleep 60 & echo "child $!"; wait');
    const pid = Number((await said(/^child/)).split(" ")[1]);
    expect(isAlive(pid)).toBe(true);
    stop();
    expect((await ended).status).toBe("failed");
    expect(isAlive(pid)).toBe(false);
  });

  test("stop kills a command that ignores the polite signal", async () => {
    const { said, stop, ended } = run("trap '' TERM; echo ready; while :; do sleep 0.05; done", { graceMs: 50 });
    await said(/^ready$/);
    stop();
    expect((await ended).message).toBe("The command was ended by SIGKILL");
  });

  test("a command past its time is stopped, and the message says so", async () => {
    const { ended } = run("sleep 60", { runMsMax: 50 });
    expect(await ended).toEqual({ status: "failed", message: "Stopped after 0.05 s, the longest a story may run" });
  });

  const leftover = "something it started still holds its output open";

  test("a command has ended with its own process, whatever it has left in the background", async () => {
    const { ended, lines } = run("sleep 60 & echo $!", { settleMs: 20 });
    expect(await ended).toEqual({ status: "done", message: "Exit code 0", leftover });
    // It is the user's to end: a story may start what is meant to stay.
    expect(isAlive(Number(lines[0]))).toBe(true);
    process.kill(Number(lines[0]), "SIGKILL");
  });

  test("what has left the group outlives a stop and an end of its time, and both say so", async () => {
    for (const runMsMax of [60_000, 200]) {
      const { ended, said, stop } = run("setsid sh -c 'echo $$; exec sleep 60' & wait", {
        graceMs: 20,
        settleMs: 20,
        runMsMax,
      });
      const pid = Number(await said(/^\d+$/));
      if (runMsMax > 200) stop();
      expect(await ended).toMatchObject({ status: "failed", leftover });
      process.kill(pid, "SIGKILL");
    }
  });
});
