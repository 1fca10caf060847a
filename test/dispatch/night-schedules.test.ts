import { expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { FakeClock } from "../lib/fake-clock.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, newFolder, settleMs } from "./desk.ts";
import { refusedConnection, said, statusOf, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

/** Doubts over days without a record, and starts that do not read everything: schedules that once broke a promise. */

const open = useDesks();

const dayAndMore = 25 * 3_600_000;
const doubtsOf = (desk: Desk): string[] => desk.jobs.doubts().map(({ story_id }) => story_id!);

test("a doubt outlasts a clean stop after a day without a record", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(dayAndMore);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(doubtsOf(again)).toEqual(["STORY-001"]);
});

test.each([1, 2, 3])("doubts outlast a kill when %d lines of a new file are written", async (lines) => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  for (const number of [1, 2]) await ask(desk, incoming(enqueue(`STORY-00${number}`), `k${number}`));
  await desk.log.seal();
  const dir = newFolder();
  fs.cpSync(desk.dir, dir, { recursive: true });
  desk.clock.pass(dayAndMore);
  await desk.log.append({ event: "rejected", code: "rate_limited", count: 1 });
  await desk.close();
  // As a kill leaves it: the checkpoint of before, and what was written until then.
  const logs = (folder: string, name = "") => path.join(folder, "logs", name);
  for (const name of fs.readdirSync(logs(desk.dir)).filter((one) => one.endsWith(".jsonl"))) {
    const text = fs.readFileSync(logs(desk.dir, name), "utf8");
    const kept = name === "orchestrator-audit.jsonl" ? text.split("\n").slice(0, lines).join("\n") + "\n" : text;
    fs.writeFileSync(logs(dir, name), kept, { mode: 0o600 });
  }
  for (let start = 0; start < 2; start++) {
    const again = await open({ dir, clock: desk.clock.rebirth() });
    expect(doubtsOf(again).toSorted()).toEqual(["STORY-001", "STORY-002"]);
    await again.close();
  }
});

test("a doubt that is found out at the head of a new file stays found out", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  desk.clock.pass(dayAndMore);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf("STORY-001", "todo") : refusedConnection);
  await ask(desk, incoming(enqueue("STORY-001")));
  expect(doubtsOf(desk)).toEqual([]);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(doubtsOf(again)).toEqual([]);
  again.clock.pass(settleMs);
  again.podium.rule = () => yes;
  await ask(again, incoming(enqueue("STORY-001")));
  expect(again.records().findLast(({ event }) => event === "intent")?.detail).toBeUndefined();
});

test("a job in doubt is among those that may run, after a start too", async () => {
  const desk = await open();
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(desk.jobWatch.running()).toHaveLength(1);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(again.jobWatch.running()).toHaveLength(1);
});

test("a doubt outlasts days without a record when midnight came between its intent and its outcome", async () => {
  const desk = await open({ clock: new FakeClock(Date.UTC(2026, 0, 9, 23, 59, 50)) });
  const first = ask(desk, incoming(enqueue("STORY-001")));
  const pending = await desk.podium.next();
  desk.clock.pass(30_000);
  pending.answer(timedOut);
  await first;
  desk.clock.pass(dayAndMore);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(doubtsOf(again)).toEqual(["STORY-001"]);
  again.podium.rule = () => yes;
  await ask(again, incoming(enqueue("STORY-001")));
  expect(again.podium.words).toEqual(["GET /api/status", "ENQUEUE_STORY STORY-001"]);
  expect(again.records().findLast(({ event }) => event === "intent")?.detail).toContain("JOB-20260109-001");
});

test("a doubt that gave way to the answer with which a new file begins does not come back, not at the next start either", async () => {
  const desk = await open({ clock: new FakeClock(Date.UTC(2026, 0, 9, 23, 59, 0)) });
  desk.podium.rule = () => timedOut;
  await ask(desk, incoming(enqueue("STORY-001")));
  desk.clock.pass(59_000);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? said(200, "{}") : undefined);
  const second = ask(desk, incoming(enqueue("STORY-001")));
  const pending = await desk.podium.next();
  desk.clock.pass(2_000);
  pending.answer(yes);
  await second;
  await desk.log.seal();
  expect(doubtsOf(desk)).toEqual([]);
  // The second intent lies in a file that is not read then.
  desk.clock.pass(dayAndMore);
  await desk.close();
  const again = await open({ dir: desk.dir, clock: desk.clock.rebirth() });
  expect(doubtsOf(again)).toEqual([]);
});
