import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ago } from "../../src/cli/ago.ts";
import { clipped, displayWidth, table } from "../../src/cli/columns.ts";
import { printable, printableJson, printableLines } from "../../src/cli/printable.ts";
import { screenOf } from "../../src/cli/screen.ts";

const pipe = screenOf({ process: { env: {}, stdoutIsTerminal: false, terminalSize: () => undefined } as never }, false);
const terminal = screenOf(
  { process: { env: { NO_COLOR: "1" }, stdoutIsTerminal: true, terminalSize: () => undefined } as never },
  false,
);
const anyText = fc.string({ unit: "binary", maxLength: 200 });

describe("printable", () => {
  test("leaves nothing that drives a terminal, turns text or breaks a line, whatever comes", () => {
    fc.assert(
      fc.property(anyText, (text) => {
        expect(printable(text).replaceAll("\u200d", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
  });

  test("does nothing to what is printable, nor twice", () => {
    const text = "Grüße 中文 🎉 👩‍👩‍👧 👍🏽‍🔥 a\u0301 <b> \\u{1b}";
    expect(printable(text)).toBe(text);
    fc.assert(fc.property(anyText, (any) => expect(printable(printable(any))).toBe(printable(any))));
  });

  test("shows a joiner that joins no pictures", () => {
    expect(printable("a\u200db 👩\u200d")).toBe("a\\u{200d}b 👩\\u{200d}");
  });

  test("shows halves of characters by their number", () => {
    expect(printable("\ud800x")).toBe(String.raw`\u{d800}x`);
  });

  test("printableLines keeps line feeds, and no other end of line", () => {
    expect(printableLines("a\nb\r\u2028c")).toBe("a\nb\\u{d}\\u{2028}c");
  });

  test("printableJson is the same value on one harmless line", () => {
    fc.assert(
      fc.property(fc.json(), anyText, (json, text) => {
        const value = [JSON.parse(json) as unknown, text, { [text]: "\u009b\u{e0001}\u202e" }];
        const shown = printableJson(JSON.stringify(value, null, "\t"));
        expect(JSON.parse(shown)).toEqual(value);
        expect(shown.replaceAll("\u200d", "")).not.toMatch(/[\p{C}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe("columns", () => {
  test("are counted as a terminal shows them", () => {
    expect(["abc", "中文", "🎉", "👩‍👩‍👧", "e\u0301", "", "❤️"].map(displayWidth)).toEqual([3, 4, 2, 2, 1, 0, 2]);
  });

  test("a clipped text is never wider than it may be, and ends with its mark", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), fc.integer({ min: 1, max: 30 }), (text, max) => {
        const short = clipped(printable(text), max);
        expect(displayWidth(short)).toBeLessThanOrEqual(max);
        if (short !== printable(text)) expect(short).toEndWith("…");
      }),
    );
  });

  test("a megabyte is clipped in no time", () => {
    const startedAt = performance.now();
    expect(clipped("中".repeat(1_000_000), 10)).toBe("中中中中…");
    expect(performance.now() - startedAt).toBeLessThan(100);
  });

  test("rows stand under each other on a terminal, and are words in a pipe", () => {
    const columns = [{ title: "NAME", columnsMax: 6 }, { title: "X" }];
    const rows = [
      ["中文中文", "1"],
      ["", "a\tb"],
    ];
    expect(table(terminal, columns, rows)).toBe("NAME   X\n中文…  1\n       a\\u{9}b\n");
    expect(table(pipe, columns, rows)).toBe("中文中文  1\n-         a\\u{9}b\n");
  });
});

describe("ago", () => {
  const now = Date.parse("2026-01-09T12:00:00Z");
  test.each([
    ["2026-01-09T12:00:00Z", "0 s ago"],
    ["2026-01-09T12:00:03Z", "0 s ago"],
    ["2026-01-09T11:59:01Z", "59 s ago"],
    ["2026-01-09T11:59:00Z", "1 min ago"],
    ["2026-01-09T10:00:01Z", "1 h ago"],
    ["2026-01-01T12:00:00Z", "8 d ago"],
    ["2026-01-10T12:00:00Z", "2026-01-10T12:00:00Z"],
    ["soon", "soon"],
  ])("%s is %s", (timestamp, words) => {
    expect(ago(timestamp, now)).toBe(words);
  });

  test("a table keeps to the terminal's width: the widest cells that may be cut give way", () => {
    const columns = [{ title: "JOB" }, { title: "ABOUT", columnsMax: 40 }, { title: "STATUS", columnsMax: 12 }];
    const rows = [["JOB-20260109-001", "a-rather-long-story-id-0123456789", "in_progress"]];
    for (const width of [200, 60, 40]) {
      const lines = table({ ...terminal, columns: width }, columns, rows)
        .trimEnd()
        .split("\n");
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(width);
      expect(lines[1]).toStartWith("JOB-20260109-001  a-rather");
    }
    // Ids that are to be copied are never cut.
    expect(table({ ...terminal, columns: 10 }, columns, rows)).toContain("JOB-20260109-001");
  });
});
