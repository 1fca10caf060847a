import { expect, test } from "bun:test";
import fc from "fast-check";
import type { LogLevel, LogOptions } from "../../src/lib/log.ts";
import { createLog, logLevels } from "../../src/lib/log.ts";
import { FakeClock } from "./fake-clock.ts";

const formats = ["json", "pretty"] as const;

function logInto(lines: string[], format: LogOptions["format"], level: LogLevel = "debug") {
  return createLog({ level, format, clock: new FakeClock(), write: (line) => void lines.push(line) });
}

const nastyUnits = [
  "\n",
  "\r",
  "\t",
  "\u001b",
  "\u007f",
  "\u0085",
  "\u009b",
  "\u2028",
  "\u202e",
  '"',
  "\\",
  " ",
  "a",
  "=",
];
const nasty = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.array(fc.constantFrom(...nastyUnits)).map((units) => units.join("")),
);

test.each(formats)("a %s line stays one line whatever a stranger's field holds", (format) => {
  fc.assert(
    fc.property(nasty, (value) => {
      const lines: string[] = [];
      logInto(lines, format).info("refused", { user: value, ok: true });
      expect(lines).toHaveLength(1);
      // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
      expect(lines[0]).not.toMatch(/[\u0000-\u001f]/);
    }),
  );
});

test.each(formats)(
  "a %s line holds no character that moves a terminal's cursor or turns the writing direction",
  (format) => {
    fc.assert(
      fc.property(nasty, (value) => {
        const lines: string[] = [];
        logInto(lines, format).warn("refused", { user: value });
        expect(lines[0]).not.toMatch(/[\u007f-\u009f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/);
      }),
    );
  },
);

test("what a line escapes is told as it was to whoever reads the JSON", () => {
  const lines: string[] = [];
  logInto(lines, "json").warn("refused", { user: "\u009b31m\u007f\u202e" });
  expect(lines[0]).toContain(String.raw`"user":"\u009b31m\u007f\u202e"`);
});

test("a pretty field can't pretend to be two fields", () => {
  const lines: string[] = [];
  logInto(lines, "pretty").info("dispatched", { user: "mark level=error", story: "STORY-001" });
  expect(lines[0]).toBe('08:00:00.000 info  dispatched user="mark level=error" story=STORY-001');
});

test("a json line is one object with the fields as they were", () => {
  fc.assert(
    fc.property(nasty, fc.double({ noNaN: true, noDefaultInfinity: true }), (text, number) => {
      const lines: string[] = [];
      logInto(lines, "json").error("failed", { text, number, gone: undefined, nothing: null });
      const parsed = JSON.parse(lines[0]!) as Record<string, unknown>;
      expect(parsed["time"]).toBe("2026-01-09T08:00:00.000Z");
      expect(parsed["level"]).toBe("error");
      expect(parsed["event"]).toBe("failed");
      expect(parsed["text"]).toBe(text);
      expect(parsed["nothing"]).toBeNull();
      expect("gone" in parsed).toBe(false);
    }),
  );
});

test.each(logLevels.map((level, index) => [level, index] as const))(
  "level %s silences what is below it",
  (level, index) => {
    const lines: string[] = [];
    const log = logInto(lines, "json", level);
    for (const each of logLevels) log[each]("said");
    const said = lines.map((line) => (JSON.parse(line) as { level: string }).level);
    expect(said).toEqual(logLevels.slice(index));
  },
);

test("lines that nobody took are counted, and told of before the next one that is taken", () => {
  const lines: string[] = [];
  let isRead = false;
  const write = (line: string): boolean => isRead && lines.push(line) > 0;
  const log = createLog({ level: "info", format: "pretty", clock: new FakeClock(), write });
  log.info("one");
  log.debug("chatter");
  log.always("two");
  isRead = true;
  for (const event of ["three", "four"]) log.info(event);
  expect(lines.map((line) => line.slice(13))).toEqual(["warn  log_lines_lost lines=2", "info  three", "info  four"]);
});

test.each(formats)("evidence is printed at every level, as %s", (format) => {
  for (const level of logLevels) {
    const lines: string[] = [];
    const log = logInto(lines, format, level);
    log.info("chatter");
    log.always("audit_checkpoint", { note: "roxy-core/x\n1\n" });
    expect(lines.filter((line) => line.includes("audit_checkpoint"))).toEqual([
      expect.stringContaining(String.raw`roxy-core/x\n1\n`),
    ]);
    expect(lines.length).toBe(level === "debug" || level === "info" ? 2 : 1);
  }
});
