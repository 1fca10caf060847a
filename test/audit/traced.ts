import { test } from "bun:test";
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { Place } from "./log-folder.ts";

/** Runs the driver under strace: to see its system calls, or to break or kill it at one of them. */

const driver = join(import.meta.dir, "driver.ts");
const deno = join(import.meta.dir, "../../node_modules/@deno/linux-x64-glibc/deno");
/** How the driver is run by the other runtime; empty, said aloud by deno.test.ts, where it is not installed. */
const denoCommand: readonly string[] = existsSync(deno) ? [deno, "run", "-A", "--no-lock"] : [];

export interface Ran {
  readonly exitCode: number | null;
  readonly killed: boolean;
  /** `seq hash event audit_id` of each acknowledged record. */
  readonly acknowledged: readonly Acknowledged[];
  readonly fatal: string | undefined;
  readonly trace: readonly string[];
}

export interface Acknowledged {
  readonly seq: number;
  readonly hash: string;
  readonly event: string;
  readonly auditId: string;
}

const hasStrace = spawnSync("strace", ["-V"]).status === 0;

/** A test that needs strace: in CI it must be there, elsewhere its absence is said aloud. */
export function tracedTest(name: string, body: () => Promise<void> | void, timeoutMs: number): void {
  const isSkipped = !hasStrace && process.env["CI"] !== "true";
  if (isSkipped) process.stderr.write(`SKIPPED, because strace is not installed: ${name}\n`);
  test.skipIf(isSkipped)(name, body, timeoutMs);
}

/** @param options further options of strace, such as `-e inject=…` */
export async function runTraced(place: Place, job: object, options: readonly string[]): Promise<Ran> {
  const traceFile = join(place.root, `trace-${crypto.randomUUID()}`);
  const command = [
    "strace",
    "-f",
    "-y",
    "-s",
    "120",
    "-o",
    traceFile,
    ...options,
    "--",
    process.execPath,
    driver,
    jobOf(place, job),
  ];
  const child = Bun.spawn(command, { stdout: "pipe", stderr: "pipe" });
  const output = await new Response(child.stdout).text();
  await child.exited;
  const trace = readFileSync(traceFile, "utf8").split("\n");
  rmSync(traceFile);
  return {
    exitCode: child.exitCode,
    killed: trace.some((line) => line.includes("killed by SIGKILL")),
    ...readOutput(output),
    trace,
  };
}

export function jobOf(place: Place, job: object): string {
  return JSON.stringify({ dir: place.dir, keyFile: place.keyFile, ...job });
}

export function readOutput(output: string): Pick<Ran, "acknowledged" | "fatal"> {
  const lines = output.split("\n");
  const acknowledged = lines.flatMap((line): Acknowledged[] => {
    const match = /^ack (\d+) ([0-9a-f]{64}) (\w+) (\S+)$/.exec(line);
    return match ? [{ seq: Number(match[1]), hash: match[2]!, event: match[3]!, auditId: match[4]! }] : [];
  });
  return { acknowledged, fatal: lines.find((line) => line.startsWith("fatal "))?.slice(6) };
}

export { denoCommand, driver };
