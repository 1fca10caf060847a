import { expect, test } from "bun:test";
import fc from "fast-check";
import type { JobAnswer } from "../../src/cli/answers.ts";
import { displayWidth } from "../../src/cli/columns.ts";
import { jobTable } from "../../src/cli/job-columns.ts";
import { screenOf } from "../../src/cli/screen.ts";

const at = "2026-01-09T10:00:00.000Z";
const job = {
  job_id: "JOB-20260109-001",
  action: "enqueue_story",
  story_id: "LUNO-026-STORY-033",
  status: "queued",
  podium_status: "in_progress",
  user_id: "mark",
  created_at: at,
} as JobAnswer;

function linesAt(columns: number, jobs: readonly JobAnswer[] = [job], noColor = true): string[] {
  const process = { env: {}, stdoutIsTerminal: true, terminalSize: () => ({ columns, rows: 24 }) };
  const screen = screenOf({ process: process as never }, noColor);
  return jobTable(screen, jobs, Date.parse(at) + 5_000)
    .split("\n")
    .slice(0, -1);
}

test("a list of jobs has the columns that the terminal has room for, and no line is wider", () => {
  const headings = [100, 80, 70, 62, 48, 40, 30, 22].map((columns) => linesAt(columns)[0]!.split(/ +/).join(" "));
  expect(headings).toEqual([
    "JOB ACTION ABOUT STATUS PODIUM BEGUN USER",
    "JOB ACTION ABOUT STATUS PODIUM BEGUN USER",
    "JOB ACTION ABOUT STATUS BEGUN",
    "JOB ACTION ABOUT STATUS BEGUN",
    "JOB ABOUT STATUS BEGUN",
    "JOB ABOUT STATUS",
    "JOB STATUS",
    "JOB",
  ]);
  const text = fc.string({ unit: "grapheme", maxLength: 60 });
  fc.assert(
    fc.property(fc.integer({ min: 20, max: 250 }), text, text, text, (columns, story, status, user) => {
      const odd = { ...job, story_id: story, podium_status: status, user_id: user };
      const lines = linesAt(columns, [job, odd]);
      for (const line of lines) expect(displayWidth(line)).toBeLessThanOrEqual(columns);
      expect(`${lines[1]}  `).toStartWith("JOB-20260109-001  ");
    }),
  );
});

test("a status is whole, and where Podium has said nothing it takes no column", () => {
  const refused = { ...job, status: "rejected", podium_status: undefined, user_id: "somebody" };
  const halt = { ...refused, action: "halt", story_id: undefined, status: "queued" };
  const [heading, ...rows] = linesAt(80, [refused, halt]);
  expect(heading!.split(/ +/)).toEqual(["JOB", "ACTION", "ABOUT", "STATUS", "BEGUN", "USER"]);
  expect(rows.map((row) => row.split(/ {2,}/)[3])).toEqual(["rejected", "answered"]);
  const [, row] = linesAt(80, [{ ...refused, podium_status: "in_progress" }]);
  expect(row).toMatch(/ rejected +in_progress /);
});

test("colours cost no column", () => {
  for (const columns of [100, 80, 62, 48, 40, 30, 22]) {
    const painted = linesAt(columns, [job], false).map((line) => Bun.stripANSI(line).trimEnd());
    expect(painted).toEqual(linesAt(columns));
  }
});
