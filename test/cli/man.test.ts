import { describe, expect, test } from "bun:test";
import { allCommands } from "../../src/cli/commands.ts";
import { run } from "../e2e/child.ts";
import { runHere } from "./in-process.ts";

const env = { PATH: "/usr/bin:/bin", HOME: "/", LC_ALL: "C.UTF-8", MANWIDTH: "100" };
const commands = await allCommands();
const specs = commands.flatMap((command) => command.specs);
const page = (await runHere(env, ["man"])).stdout;

const [backspace, escape] = ["\u0008", "\u001b"];
/** How terminals without SGR get bold: a letter, a backspace, the letter again. */
const overstruck = new RegExp(`.${backspace}|${escape}\\[\\d*m`, "g");

describe("the manual page", () => {
  test("has every command and every option, from the same definitions as --help", () => {
    for (const { name, options } of specs) {
      const section = page
        .split(".SS ")
        .find((part) => part.startsWith(`${name.replaceAll("-", "\\-")} `) || part.startsWith(`${name}\n`));
      expect(section).toBeDefined();
      for (const option of options) expect(section).toContain(`\\-\\-${option.name.replaceAll("-", "\\-")}`);
    }
  });

  test.each([
    ["mandoc", ["mandoc", "-T", "lint"], /WARNING: missing date/],
    ["groff", ["groff", "-man", "-ww", "-Tutf8", "-z"], undefined],
  ] as const)("%s finds no fault with it", async (tool, command, allowed) => {
    if (!toolIsThere(tool)) return;
    const { stdout, stderr } = await run(command, { env, stdin: page });
    const faults = `${stdout}${stderr}`.split("\n").filter((line) => line !== "" && !allowed?.test(line));
    expect(faults).toEqual([]);
  });

  test("is shown by man", async () => {
    if (!toolIsThere("man")) return;
    const { code, stdout } = await run(["man", "-l", "-"], { env, stdin: page });
    expect(code).toBe(0);
    const plain = stdout.replaceAll(overstruck, "");
    expect(plain).toContain("roxy-core - the one audited door");
    expect(plain).toContain("--nonce NONCE");
    expect(plain).toContain("its command START_ORCHESTRATOR");
    expect(plain).toMatch(/EXIT STATUS\n +0 +Done\./);
  });
});

describe("help", () => {
  test("of every command is complete, within 100 columns and exit code 0", async () => {
    for (const { name, options } of specs) {
      const { code, stdout, stderr } = await runHere(env, [...name.split(" "), "--help"]);
      expect({ name, code, stderr }).toEqual({ name, code: 0, stderr: "" });
      expect(stdout).toContain(`Usage: roxy-core ${name}`);
      for (const option of options) expect(stdout).toContain(`--${option.name}`);
      expect(
        Math.max(
          ...stdout
            .split("\n")
            .filter((line) => !/^  (roxy-core|PODIUM|source) /.test(line))
            .map((line) => line.length),
        ),
      ).toBeLessThanOrEqual(100);
    }
  });

  test("help COMMAND is COMMAND --help, and the overview names every command", async () => {
    expect((await runHere(env, ["help", "dispatch"])).stdout).toBe((await runHere(env, ["dispatch", "--help"])).stdout);
    const { stdout } = await runHere(env, ["help"]);
    for (const { name } of commands) expect(stdout).toMatch(new RegExp(`^  ${name} `, "m"));
  });
});

function toolIsThere(tool: string): boolean {
  if (Bun.which(tool)) return true;
  if (process.env["CI"] === "true") throw new Error(`${tool} is not installed`);
  process.stderr.write(`SKIPPED: the manual page under ${tool}, which is not installed\n`);
  return false;
}
