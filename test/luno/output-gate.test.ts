import { describe, expect, test } from "bun:test";
import { burstBytesMax, OutputGate } from "../../src/luno/output-gate.ts";

function gate() {
  let nowMs = 0;
  const lines: string[] = [];
  const opened = new OutputGate((line) => void lines.push(line), { monotonic: () => nowMs });
  const say = (line: string, times = 1): void => {
    for (let i = 0; i < times; i++) opened.pass(line, "stdout");
  };
  return { say, lines, end: () => opened.tellLeftOut(), pass: (ms: number) => (nowMs += ms) };
}

describe("OutputGate", () => {
  test("lets ordinary output through unchanged", () => {
    const { say, lines, end } = gate();
    say("one");
    say("");
    say("two");
    end();
    expect(lines).toEqual(["one", "", "two"]);
  });

  test("cuts a long line, and what is left is still text", () => {
    const { say, lines } = gate();
    say("🎵".repeat(5000));
    say(`x${"🎵".repeat(5000)}`);
    expect(lines.map((line) => line.length)).toEqual([4097, 4097]);
    expect(lines.every((line) => line.isWellFormed())).toBe(true);
  });

  test("holds a flood at one burst, and tells how many lines it left out", () => {
    const { say, lines, end } = gate();
    say("x".repeat(824), 1000);
    expect(lines.length).toBe(burstBytesMax / 1024);
    end();
    expect(lines.at(-1)).toBe("(too much output at once; lines left out: 744)");
    end();
    expect(lines.length).toBe(257);
  });

  test("opens again as time passes, telling first what was left out", () => {
    const { say, lines, pass } = gate();
    say("x".repeat(824), 257);
    pass(1000);
    say("after");
    expect(lines.slice(-2)).toEqual(["(too much output at once; lines left out: 1)", "after"]);
  });
});
