import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { CommandSpec } from "../../src/cli/options.ts";
import { configArgs, helpText, parseOptions, settingOptions } from "../../src/cli/options.ts";
import { loadConfig } from "../../src/config/load.ts";
import { Fatal } from "../../src/lib/errors.ts";
import { inputOf } from "../config/inputs.ts";

const command = {
  name: "dispatch",
  summary: "Dispatch one action",
  usage: "ACTION [ID] [options]",
  positionals: ["ACTION", "[ID]"],
  options: [
    { name: "source", value: "NAME", short: "s", summary: "Who asks" },
    { name: "option", value: "KEY=VALUE", summary: "An option that is passed on; may be repeated" },
    { name: "json", summary: "Print JSON" },
    { name: "quiet", short: "q", summary: "Print nothing" },
  ],
  examples: ["roxy-core dispatch halt"],
} as const satisfies CommandSpec;

const serve = { name: "", summary: "Serve", usage: "[options]", options: settingOptions, examples: [] } as const;

describe("parseOptions", () => {
  test("understands values in both spellings, switches, short names and arguments in any order", () => {
    const parsed = parseOptions(command, ["--json", "enqueue_story", "-s", "me", "STORY-001", "--option=a=b"]);
    expect(parsed.positionals).toEqual(["enqueue_story", "STORY-001"]);
    expect(parsed.value("source")).toBe("me");
    expect(parsed.values("option")).toEqual(["a=b"]);
    expect(parsed.has("json")).toBe(true);
    expect(parsed.has("quiet")).toBe(false);
    expect(parsed.help).toBe(false);
  });

  test("keeps repeated options in order, and takes the last where one is wanted", () => {
    const parsed = parseOptions(command, ["halt", "--option", "1", "--source=a", "--option=2", "-s=b"]);
    expect(parsed.values("option")).toEqual(["1", "2"]);
    expect(parsed.value("source")).toBe("b");
    expect(parsed.given.map(({ name }) => name)).toEqual(["option", "source", "option", "source"]);
  });

  test("takes everything after -- as arguments, and - as one", () => {
    expect(parseOptions(command, ["--", "--json", "-q"]).positionals).toEqual(["--json", "-q"]);
    expect(parseOptions(command, ["-", "--json"]).positionals).toEqual(["-"]);
  });

  test("takes an empty value, and one that starts with a single dash", () => {
    expect(parseOptions(command, ["halt", "--source="]).value("source")).toBe("");
    expect(parseOptions(command, ["halt", "--source", "-"]).value("source")).toBe("-");
  });

  test("takes a short option with its value attached", () => {
    expect(parseOptions(command, ["halt", "-sme"]).value("source")).toBe("me");
    expect(parseOptions(command, ["halt", "-s5", "-sa=b"]).values("source")).toEqual(["5", "a=b"]);
  });

  test("asks for nothing else when help is wanted", () => {
    expect(parseOptions(command, ["--help"]).help).toBe(true);
    expect(parseOptions(command, ["a", "b", "c", "-h"]).help).toBe(true);
  });

  test.each([
    [["halt", "--sorce", "x"], "Unknown option --sorce (nearest: --source). See roxy-core dispatch --help"],
    [["halt", "--verbose"], "Unknown option --verbose. See roxy-core dispatch --help"],
    [["halt", "-x"], "Unknown option -x. See roxy-core dispatch --help"],
    [["halt", "-qx"], "Unknown option -qx. See roxy-core dispatch --help"],
    [["halt", "-undefined"], "Unknown option -undefined. See roxy-core dispatch --help"],
    [["halt", "-source", "x"], "Unknown option -source (nearest: --source). See roxy-core dispatch --help"],
    [["halt", "-source=x"], "Unknown option -source (nearest: --source). See roxy-core dispatch --help"],
    [["halt", "--s", "x"], "Unknown option --s. See roxy-core dispatch --help"],
    [["halt", "--json=yes"], "--json takes no value. See roxy-core dispatch --help"],
    [["halt", "--source"], "--source needs a value: NAME. See roxy-core dispatch --help"],
    [
      ["halt", "--source", "--json"],
      "--source needs a value: NAME; write --source=NAME when it starts with dashes. See roxy-core dispatch --help",
    ],
    [[], "ACTION is missing. See roxy-core dispatch --help"],
    [["a", "b", "c"], "Unexpected argument c. See roxy-core dispatch --help"],
    [["a", "b", "c\u001b[2J"], 'Unexpected argument "c\\u001b[2J". See roxy-core dispatch --help'],
  ])("refuses %j", (argv, message) => {
    const fatal = fatalOf(() => parseOptions(command, argv));
    expect(fatal.message).toBe(message);
    expect(fatal.exitCode).toBe(2);
  });

  test("takes any number of arguments when the last may be repeated", () => {
    const many = { ...command, positionals: ["ACTION", "[ID...]"] };
    expect(parseOptions(many, ["a", "b", "c", "d"]).positionals).toHaveLength(4);
  });

  test("either understands a command line or ends with exit code 2", () => {
    const word = fc.oneof(
      fc.constantFrom("--json", "--source", "-s", "-q", "--", "-", "--option=x", "a", "--help", "--source=--json", ""),
      fc.string(),
    );
    fc.assert(
      fc.property(fc.array(word, { maxLength: 6 }), (argv) => {
        try {
          const parsed = parseOptions(command, argv);
          expect(parsed.positionals.length + parsed.given.length).toBeLessThanOrEqual(argv.length);
        } catch (error) {
          expect(error).toBeInstanceOf(Fatal);
          expect((error as Fatal).exitCode).toBe(2);
        }
      }),
      { numRuns: 1000 },
    );
  });

  test("gives back every value, whatever is in it", () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (values) => {
        const argv = values.map((value) => `--option=${value}`);
        expect(parseOptions(command, ["halt", ...argv]).values("option")).toEqual(values);
      }),
    );
  });
});

describe("configArgs", () => {
  const argsOf = (...argv: string[]) => configArgs(serve, parseOptions(serve, argv).given);

  test("turns --set and its shortcuts into settings, in the order of the command line", () => {
    expect(argsOf("--set", "a.b=c=d", "--port=1", "-c", "x.jsonc", "--host", "::1")).toEqual({
      configFile: "x.jsonc",
      settings: [
        { key: "a.b", value: "c=d" },
        { key: "listen.port", value: "1", flag: "--port" },
        { key: "listen.host", value: "::1", flag: "--host" },
      ],
    });
    expect(argsOf()).toEqual({ settings: [] });
  });

  test("gives every shortcut a setting that exists", () => {
    const argv = ["--host=::1", "--port=0", "--podium-url=http://x", "--audit-dir=/a", "--log-level=warn"];
    const { config, provenance } = loadConfig(inputOf({ flags: argsOf(...argv).settings }));
    expect(config.listen).toMatchObject({ host: "::1", port: 0 });
    expect([config.podium.url, config.audit.dir, config.log.level]).toEqual(["http://x", "/a", "warn"]);
    expect(provenance.get("podium.url")).toEqual({ source: "flag", where: "--podium-url" });
    const shortcuts = settingOptions.filter(({ name }) => name !== "config" && name !== "set");
    expect(shortcuts).toHaveLength(argv.length);
  });

  test.each(["--set=listen.port", "--set==1", "--set=", "--config="])("refuses %s", (word) => {
    expect(fatalOf(() => argsOf(word)).exitCode).toBe(2);
  });

  test("never repeats what --set was given: it may be a secret", () => {
    expect(fatalOf(() => argsOf("--set", "hunter2")).message).not.toContain("hunter2");
  });
});

describe("helpText", () => {
  test("shows usage, options and examples from the same definition", () => {
    expect(helpText(command)).toBe(
      `Dispatch one action.

Usage: roxy-core dispatch ACTION [ID] [options]

Options:
  -s, --source NAME       Who asks
      --option KEY=VALUE  An option that is passed on; may be repeated
      --json              Print JSON
  -q, --quiet             Print nothing
  -h, --help              Show this help

Examples:
  roxy-core dispatch halt
`,
    );
  });

  test("shows a note below the summary, wrapped like everything else", () => {
    const noted = { ...command, note: "word ".repeat(60).trim() };
    const [summary, ...lines] = helpText(noted).split("\n");
    const note = lines.slice(1, lines.indexOf("", 1));
    expect(summary).toBe("Dispatch one action.");
    expect(note.join(" ")).toBe(noted.note);
    expect(Math.max(...note.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.slice(note.length + 1).join("\n")).toBe(helpText(command).split("\n").slice(1).join("\n"));
  });

  test("wraps long summaries under their column and stays within 100 columns", () => {
    const long = { ...command, options: [{ name: "x", summary: "word ".repeat(60).trim() }], examples: [] };
    const lines = helpText(long).split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(100);
    expect(lines.filter((line) => line.includes("word")).every((line) => line.indexOf("word") === 14)).toBe(true);
  });

  test("names the program alone for the default command", () => {
    expect(helpText(serve)).toContain("Usage: roxy-core [options]\n");
  });
});

function fatalOf(run: () => unknown): Fatal {
  try {
    run();
  } catch (error) {
    if (error instanceof Fatal) return error;
  }
  throw new Error("Expected a Fatal");
}
