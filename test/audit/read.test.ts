import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import fc from "fast-check";
import type { Query, ReadDeps } from "../../src/audit/read.ts";
import {
  heldDays,
  newestFirst,
  oldestFirst,
  readDay,
  readDispatch,
  readJob,
  readRecords,
} from "../../src/audit/read.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import { linesHolding } from "../../src/audit/search.ts";
import { newAuditId } from "../../src/lib/ids.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { FileFacts, ReadFile } from "../../src/runtime/types.ts";
import { allRecords } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import { HandClock, newPlace, openLog, rejection } from "./log-folder.ts";

/** The reading side, and what a start replays. */

const { files, sha256 } = runtime;

async function fourDays(): Promise<{ place: Place; deps: ReadDeps; ids: string[]; clock: HandClock }> {
  const place = newPlace();
  const clock = new HandClock("2026-01-09T23:59:00.000Z");
  const ids: string[] = [];
  const { log } = await openLog(place, { clock });
  for (let day = 9; day <= 12; day++) {
    for (let number = 1; number <= 20; number++) {
      const audit_id = newAuditId(clock.now());
      ids.push(audit_id);
      const job_id = `JOB-202601${String(day).padStart(2, "0")}-${String(number).padStart(3, "0")}`;
      const about = {
        audit_id,
        job_id,
        action: "enqueue_story",
        story_id: `STORY-${number % 3}`,
        user_id: number % 2 ? "mark" : "eve",
      };
      await log.append({ event: "intent", ...about });
      // The last one of each day gets its outcome on the day after.
      if (number === 20) clock.advanceDays(1);
      await log.append({ event: "outcome", ...about, result: "queued" });
    }
  }
  await log.close();
  return { place, deps: { files, sha256, dir: place.dir }, ids, clock };
}

async function pages(deps: ReadDeps, query: Query): Promise<StoredRecord[]> {
  const all: StoredRecord[] = [];
  let cursor: number | undefined;
  do {
    const page = await readRecords(deps, { ...query, ...(cursor !== undefined && { cursor }) });
    expect(page.records.length).toBeLessThanOrEqual(query.limit);
    all.push(...page.records);
    cursor = page.next;
  } while (cursor !== undefined);
  return all;
}

describe("readRecords", () => {
  test("pages through everything, from either end, without a gap or a double", async () => {
    const { place, deps } = await fourDays();
    const all = allRecords(place);
    for (const limit of [1, 7, 1000]) {
      expect(await pages(deps, { limit })).toEqual(all);
      expect(await pages(deps, { limit, order: "newest" })).toEqual(all.toReversed());
    }
  });

  test("filters by field and time", async () => {
    const { place, deps } = await fourDays();
    const all = allRecords(place);
    const filter = { event: "intent", user_id: "mark", story_id: "STORY-1" } as const;
    const wanted = all.filter((r) => r.event === "intent" && r.user_id === "mark" && r.story_id === "STORY-1");
    expect(wanted.length).toBeGreaterThan(3);
    expect(await pages(deps, { limit: 2, filter })).toEqual(wanted);
    const ofDay = all.filter((r) => r.timestamp.startsWith("2026-01-10"));
    expect(await pages(deps, { limit: 9, from: "2026-01-10", to: "2026-01-11" })).toEqual(ofDay);
  });

  test("shows nothing past the durable head", async () => {
    const { deps } = await fourDays();
    for (const order of ["oldest", "newest"] as const) {
      const records = await pages({ ...deps, lastSeq: 30 }, { limit: 10, order });
      expect(Math.max(...records.map(({ seq }) => seq))).toBe(30);
      expect(records.length).toBe(31);
    }
  });

  test("refuses to pass off a damaged line as a record", async () => {
    const { place, deps } = await fourDays();
    writeFileSync(place.active, readFileSync(place.active, "utf8").replace('"eve"', '"eva"'));
    expect(await rejection(readRecords(deps, { limit: 1000 }))).toMatchObject({ exitCode: 4 });
  });

  test("leaves out a line that is still being written", async () => {
    const { place, deps } = await fourDays();
    const before = allRecords(place);
    writeFileSync(place.active, `${readFileSync(place.active, "utf8")}{"v":1,"seq":`);
    expect(await pages(deps, { limit: 50 })).toEqual(before);
    expect(await pages(deps, { limit: 50, order: "newest" })).toEqual(before.toReversed());
  });
});

describe("By id and day", () => {
  test("readDispatch finds every dispatch by the time in its id, also over midnight", async () => {
    const { deps, ids } = await fourDays();
    for (const id of ids) {
      const found = await readDispatch(deps, id);
      expect(found.map(({ record }) => [record.audit_id, record.event])).toEqual([
        [id, "intent"],
        [id, "outcome"],
      ]);
    }
    expect(await readDispatch(deps, newAuditId(Date.parse("2026-01-10T00:00:00Z")))).toEqual([]);
    expect(await readDispatch(deps, "AUD-nonsense")).toEqual([]);
  });

  test("readDispatch and readJob find what was said weeks later, in closed files and in the one being written", async () => {
    const place = newPlace();
    const clock = new HandClock("2026-01-09T12:00:00.000Z");
    const { log } = await openLog(place, { clock, rotateBytesMax: 4000 });
    const dispatch = (number: number): { audit_id: string; job_id: string; action: string } => ({
      audit_id: newAuditId(clock.now()),
      job_id: `JOB-20260109-${String(number).padStart(3, "0")}`,
      action: "enqueue_story",
    });
    const story = { ...dispatch(1), story_id: "STORY-1" };
    const longer = { ...dispatch(1), job_id: "JOB-20260109-0011", story_id: "STORY-1" };
    const halt = { ...dispatch(2), action: "halt" };
    for (const about of [story, longer, halt]) await log.append({ event: "intent", ...about });
    await log.append({ event: "outcome", ...halt, result: "queued" });
    for (let day = 1; day <= 40; day++) {
      clock.advanceDays(1);
      if (day % 10 === 0) await log.append({ event: "job", ...story, podium_status: `day ${day}` });
      // Other records that quote the id without being about it.
      await log.append({ event: "intent", user_id: story.audit_id, detail: `"job_id":"${story.job_id}"` });
    }
    const deps = { files, sha256, dir: place.dir };
    const words = ["intent", "day 10", "day 20", "day 30", "day 40"];
    const wordOf = ({ event, podium_status }: StoredRecord): string => podium_status ?? event;
    expect((await readDispatch(deps, story.audit_id)).map(({ record }) => wordOf(record))).toEqual(words);
    expect((await readJob(deps, story.job_id)).map(wordOf)).toEqual(words);
    expect((await readJob({ ...deps, lastSeq: log.head.seq - 40 }, story.job_id)).length).toBeLessThan(5);
    const opened: string[] = [];
    const watched = { ...files, openRead: (path: string) => (opened.push(path), files.openRead(path)) };
    expect((await readDispatch({ ...deps, files: watched }, halt.audit_id)).length).toBe(2);
    expect(await readJob({ ...deps, files: watched }, "JOB-20260109-999")).toEqual([]);
    // A halt ends with its outcome, and what was never dispatched is looked for around its day only.
    expect(new Set(opened.filter((path) => path !== place.active)).size).toBeLessThan(5);
    await log.close();
  });

  describe("linesHolding finds the lines that a plain search finds", () => {
    const word = "needle-needles";
    const holding = async (lines: readonly string[], torn = ""): Promise<string[]> => {
      const bytes = new TextEncoder().encode([...lines, torn].join("\n"));
      const read = (into: Uint8Array, offset: number): number => {
        const some = bytes.subarray(offset, offset + into.length);
        into.set(some);
        return some.length;
      };
      const stat = () => ({ bytes: bytes.length }) as FileFacts;
      const file: ReadFile = { read, readAsync: async (into, offset) => read(into, offset), stat, close() {} };
      const found: string[] = [];
      for await (const { bytes: held } of linesHolding(file, word)) found.push(new TextDecoder().decode(held));
      return found;
    };

    test("of any text", async () => {
      const piece = fc.oneof(
        fc.constantFrom(word, "needle-", "needle-needle", "s"),
        fc.nat(80_000).map((length) => "x".repeat(length)),
      );
      const line = fc.array(piece, { maxLength: 3 }).map((pieces) => pieces.join(""));
      await fc.assert(
        fc.asyncProperty(fc.array(line, { maxLength: 60 }), line, async (lines, torn) => {
          expect(await holding(lines, torn)).toEqual(lines.filter((each) => each.includes(word)));
        }),
      );
    }, 30_000);

    test("wherever the end of a chunk cuts the word", async () => {
      const before = Array.from({ length: 8 }, () => "x".repeat(131_071)).slice(1);
      for (let cut = 0; cut <= word.length; cut++) {
        const line = `${"y".repeat(131_072 - cut)}${word}`;
        expect(await holding([...before, line, "z"])).toEqual([line]);
      }
    });
  });

  test("readJob and readDay find an older day's jobs, with an outcome on the day after", async () => {
    const { deps } = await fourDays();
    expect((await readJob(deps, "JOB-20260110-020")).map(({ event }) => event)).toEqual(["intent", "outcome"]);
    expect(await readJob(deps, "JOB-20260110-999")).toEqual([]);
    const day = [];
    for await (const record of readDay(deps, "2026-01-11")) day.push(record);
    expect(day.filter(({ event }) => event === "intent").length).toBe(40);
    expect(heldDays(deps)).toEqual(["2026-01-09", "2026-01-10", "2026-01-11", "2026-01-12", "2026-01-13"]);
  });

  test("a walk goes on when the file that it reads is closed meanwhile", async () => {
    const { place, deps, clock } = await fourDays();
    const { log } = await openLog(place, { clock });
    const seqs: number[] = [];
    for await (const { record } of oldestFirst(deps)) {
      seqs.push(record.seq);
      if (record.seq === 50) {
        clock.advanceDays(1);
        await log.append({ event: "intent", audit_id: "AUD-LATE" });
      }
    }
    expect(seqs).toEqual(seqs.map((_, i) => i));
    await log.close();
    for await (const { record } of newestFirst(deps)) {
      expect(record.event).toBe("close");
      break;
    }
  });
});

describe("What a start replays", () => {
  test("the last day and what lies after the newest checkpoint, in order, then everything new", async () => {
    const { place, clock } = await fourDays();
    const all = allRecords(place);
    const { log, seen } = await openLog(place, { clock });
    const replayed = seen.filter(({ event, seq }) => seq < all.length && event !== undefined);
    expect(seen.map(({ seq }) => seq)).toEqual(seen.map((_, i) => seen[0]!.seq + i));
    expect(replayed[0]!.timestamp >= "2026-01-12").toBe(true);
    expect(replayed.at(-1)).toEqual(all.at(-1));
    const dayBefore = clock.now() - 86_400_000;
    const needed = all.filter(({ timestamp }) => Date.parse(timestamp) >= dayBefore);
    expect(replayed.length).toBeGreaterThanOrEqual(needed.length);
    await log.append({ event: "intent", audit_id: "AUD-NEW" });
    expect(seen.at(-1)).toMatchObject({ audit_id: "AUD-NEW" });
    await log.close();
  });

  test("a clock far behind does not make it read everything", async () => {
    const { place } = await fourDays();
    const { log, seen } = await openLog(place, { clock: new HandClock("2020-01-01T00:00:00.000Z") });
    expect(seen[0]!.seq).toBeGreaterThan(0);
    await log.close();
  });
});
