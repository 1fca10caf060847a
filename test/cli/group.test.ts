import { describe, expect, test } from "bun:test";
import type { Group } from "../../src/cli/group.ts";
import { runGroup, specsOf } from "../../src/cli/group.ts";
import { allCommands } from "../../src/cli/commands.ts";
import { auditGroup } from "../../src/cli/audit.ts";
import { configGroup } from "../../src/cli/config.ts";
import { tokenGroup } from "../../src/cli/token.ts";
import { Fatal } from "../../src/lib/errors.ts";

const spec = (name: string) => ({
  name,
  summary: `Do ${name}`,
  usage: "",
  options: [],
  examples: [`roxy-core ${name}`],
});

interface Fake {
  readonly process: { stdout(text: string): void };
}

async function run(argv: readonly string[]): Promise<{ code: number; out: string; ran: string[] }> {
  let out = "";
  const ran: string[] = [];
  const member = (name: string, code: number) => ({
    spec: spec(`box ${name}`),
    run: (_: Fake, rest: readonly string[]) => {
      ran.push(`${name} ${rest.join(" ")}`);
      return code;
    },
  });
  const group: Group<Fake> = {
    name: "box",
    summary: "Open or shut the box",
    members: [member("open", 0), member("shut", 3)],
  };
  const code = await runGroup({ process: { stdout: (text) => void (out += text) } }, group, argv);
  return { code, out, ran };
}

describe("commands with the same first word", () => {
  test("the second word chooses, the rest is handed on, and its exit code comes back", async () => {
    expect(await run(["shut", "-f", "lid"])).toEqual({ code: 3, out: "", ran: ["shut -f lid"] });
  });

  test.each(["--help", "-h"])("%s shows what each one does, and an example of each", async (word) => {
    const { code, out, ran } = await run([word]);
    expect({ code, ran }).toEqual({ code: 0, ran: [] });
    expect(out).toBe(
      "Open or shut the box.\n\nUsage: roxy-core box COMMAND [options]\n\nCommands:\n  open  Do box open\n  shut  Do box shut\n\n" +
        "roxy-core box COMMAND --help says what each one takes.\n\nExamples:\n  roxy-core box open\n  roxy-core box shut\n",
    );
  });

  test.each([
    [[], "Expected open or shut after roxy-core box. See roxy-core box --help"],
    [["opne"], 'Expected open or shut after roxy-core box, not "opne" (nearest: open). See roxy-core box --help'],
    [["\u001b[2J"], 'Expected open or shut after roxy-core box, not "\\u001b[2J". See roxy-core box --help'],
  ])("%p is wrong usage, and runs nothing", async (argv, message) => {
    const error = await run(argv).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Fatal);
    expect(error).toMatchObject({ exitCode: 2, message });
  });

  test("each member's name begins with its group's, and the summaries are those of the whole help", async () => {
    const known = await allCommands();
    for (const group of [auditGroup, configGroup, tokenGroup]) {
      expect(specsOf(group).every(({ name }) => name.startsWith(`${group.name} `))).toBe(true);
      expect(known.find(({ name }) => name === group.name)?.summary).toBe(group.summary);
    }
  });
});
