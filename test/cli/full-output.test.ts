import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run } from "../e2e/child.ts";
import { bunLauncher, denoLauncher, environment } from "../e2e/launcher.ts";
import type { Launcher } from "../e2e/launcher.ts";

/** @param end what the shell does with the program's output */
async function withOutput({ command }: Launcher, words: string, end: string) {
  const root = mkdtempSync(path.join(tmpdir(), "roxy-full-"));
  const line = `set -o pipefail; ${command.map((word) => `'${word}'`).join(" ")} ${words} ${end}`;
  try {
    return await run(["bash", "-c", line], { env: environment(root), cwd: root });
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const launchers = [bunLauncher, denoLauncher].filter(({ name, missing }) => {
  if (missing === undefined) return true;
  if (process.env["CI"] === "true") throw new Error(missing);
  process.stderr.write(`SKIPPED: output to a full disk on ${name}: ${missing}\n`);
  return false;
});

for (const launcher of launchers) {
  test.each(["man", "config schema", "--help", "completion bash"])(
    `${launcher.name}: %s to a full disk says so on one line and ends with 1`,
    async (words) => {
      const { code, stderr } = await withOutput(launcher, words, "> /dev/full");
      expect(stderr).toMatch(/^roxy-core: Cannot write to standard output: .*[Nn]o space left on device.*\n$/);
      expect(code).toBe(1);
    },
  );

  test.each([
    ["dispatch enqueue_story S-1 --key k-1", "Dispatched all the same: JOB-20260109-001 (AUD-1), with --key k-1"],
    ["halt", "Halted all the same: JOB-20260109-001 (AUD-1)"],
  ])(`${launcher.name}: %s to a full disk says what was done`, async (words, says) => {
    const answer = { success: true, job_id: "JOB-20260109-001", status: "queued", audit_id: "AUD-1" };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json(answer) });
    const { code, stderr } = await withOutput(launcher, `${words} --port ${server.port}`, "> /dev/full");
    await server.stop(true);
    expect(stderr).toMatch(/^roxy-core: Cannot write to standard output: .*\nroxy-core: .*\n$/);
    expect(stderr).toEndWith(`roxy-core: ${says}\n`);
    expect(code).toBe(1);
  });

  test(`${launcher.name}: a reader that goes away early is no fault`, async () => {
    const { code, stdout, stderr } = await withOutput(launcher, "man", "| head -n 1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toStartWith(".TH ROXY");
  });
}
