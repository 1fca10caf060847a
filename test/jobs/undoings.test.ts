import { expect, test } from "bun:test";
import type { StoredRecord } from "../../src/audit/record.ts";
import { Undoings } from "../../src/jobs/undoings.ts";
import { intentAt, outcomeAt } from "../dispatch/records.ts";
import { morning } from "../lib/fake-clock.ts";

const settleMs = 30_000;

/** Records in the order of the log, which is that of their numbers here. */
function undoingsAfter(records: readonly StoredRecord[], commandsMax?: number): Undoings {
  const undoings = new Undoings(settleMs, commandsMax);
  records.forEach((record, seq) => undoings.apply({ ...record, seq }));
  return undoings;
}
const command = (number: number, action: string, story_id = "STORY-1", atMs = 0) =>
  intentAt(morning + atMs, number, { action, story_id });
const ended = (intent: StoredRecord, result: string, atMs = 0) => outcomeAt(morning + atMs, intent, result);

test("a halt, an applied plan and a cancel of the story may have put it back until their answer is recorded", () => {
  const dispatched = command(2, "enqueue_story");
  for (const action of ["halt", "apply_plan", "cancel_story"]) {
    const undo = command(1, action);
    const during = undoingsAfter([undo, dispatched, ended(undo, "queued"), dispatched]);
    expect([1, 3].map((seq) => during.mayFollow(seq, "STORY-1"))).toEqual([true, false]);
    expect(undoingsAfter([undo, dispatched]).mayFollow(1, "STORY-1")).toBe(true);
  }
});

test("neither a cancel of another story nor what Podium refused or never got puts anything back", () => {
  const undo = command(1, "cancel_story", "STORY-2");
  expect(undoingsAfter([command(2, "enqueue_story"), undo]).mayFollow(0, "STORY-1")).toBe(false);
  for (const result of ["rejected", "failed"]) {
    const halt = command(1, "halt");
    expect(undoingsAfter([halt, command(2, "enqueue_story"), ended(halt, result)]).mayFollow(1, "STORY-1")).toBe(false);
  }
});

test("one whose answer never came may come true as long as any command may, and not longer", () => {
  const halt = command(1, "halt");
  const lost = [halt, ended(halt, "unknown", 1_000)];
  const later = (ms: number) => undoingsAfter([...lost, command(2, "enqueue_story", "STORY-1", 1_000 + ms)]);
  expect(later(settleMs - 1).mayFollow(2, "STORY-1")).toBe(true);
  expect(later(settleMs).mayFollow(2, "STORY-1")).toBe(false);
  expect(later(settleMs).mayFollow(1, "STORY-1")).toBe(true);
});

test("one that was found out later counts until then", () => {
  const apply = command(1, "apply_plan");
  const found = { ...ended(apply, "queued"), event: "job" as const };
  const undoings = undoingsAfter([apply, ended(apply, "unknown"), command(2, "enqueue_story"), found]);
  expect(undoings.mayFollow(2, "STORY-1")).toBe(true);
});

test("past the bound the oldest is forgotten, and of what is older than its end nobody knows any more", () => {
  const [first, second] = [command(1, "halt"), command(2, "cancel_story", "STORY-2")];
  const records = [command(3, "enqueue_story"), first, ended(first, "queued"), command(4, "enqueue_story"), second];
  const undoings = undoingsAfter(records, 1);
  expect([0, 3].map((seq) => undoings.mayFollow(seq, "STORY-1"))).toEqual([true, false]);
  const alive = undoingsAfter([first, second, command(3, "enqueue_story")], 1);
  expect(alive.mayFollow(2, "STORY-1")).toBe(true);
});

test("one whose intent lies in a file that is not read counts from its outcome on", () => {
  const halt = command(1, "halt");
  const [first, dispatched] = [command(2, "enqueue_story"), command(3, "enqueue_story", "STORY-1", settleMs)];
  const undoings = new Undoings(settleMs);
  [first, dispatched, ended(halt, "unknown", settleMs)].forEach((record, i) =>
    undoings.apply({ ...record, seq: 7 + i }),
  );
  expect(undoings.mayFollow(8, "STORY-1")).toBe(true);
});
