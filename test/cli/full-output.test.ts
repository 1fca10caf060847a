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

  test(`${launcher.name}: a reader that goes away early is no fault`, async () => {
    const { code, stdout, stderr } = await withOutput(launcher, "man", "| head -n 1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toStartWith(".TH ROXY");
  });
}
