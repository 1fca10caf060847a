import { expect, test } from "bun:test";
import fc from "fast-check";
import { jobIdOf, newAuditId, parseJobId, ulid, ulidTime } from "../../src/lib/ids.ts";

/** The largest time that 48 bits hold. */
const ulidTimeMax = 2 ** 48 - 1;
const times = fc.integer({ min: 0, max: ulidTimeMax });

test("a ulid gives back the time that it was made of", () => {
  fc.assert(
    fc.property(times, (time) => {
      expect(ulidTime(ulid(time))).toBe(time);
    }),
  );
});

test("ulids sort by time", () => {
  fc.assert(
    fc.property(times, times, (a, b) => {
      fc.pre(a < b);
      expect(ulid(a) < ulid(b)).toBe(true);
    }),
  );
});

test("ulids of one millisecond differ", () => {
  const made = new Set(Array.from({ length: 10_000 }, () => ulid(1)));
  expect(made.size).toBe(10_000);
});

test("a ulid uses each of Crockford's 32 digits and no other", () => {
  const digits = new Set(Array.from({ length: 500 }, () => ulid(0).slice(10)).join(""));
  expect([...digits].toSorted().join("")).toBe("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
});

test.each([
  ["nothing", ""],
  ["a time past 48 bits", "80000000000000000000000000"],
  ["lower case", "01arz3ndektsv4rrffq69g5fav"],
  ["a letter that Crockford leaves out", "01ARZ3NDEKTSV4RRFFQ69G5FAU"],
  ["25 digits", "01ARZ3NDEKTSV4RRFFQ69G5FA"],
  ["a newline at the end", "01ARZ3NDEKTSV4RRFFQ69G5FAV\n"],
])("%s is no ulid", (_name, text) => {
  expect(ulidTime(text)).toBeUndefined();
});

test("the time of the specification's own example is read", () => {
  expect(ulidTime("01ARZ3NDEKTSV4RRFFQ69G5FAV")).toBe(1_469_922_850_259);
});

test("an audit id is a ulid behind AUD-", () => {
  const id = newAuditId(1_767_945_600_000);
  expect(id).toStartWith("AUD-");
  expect(ulidTime(id.slice(4))).toBe(1_767_945_600_000);
});

test.each([
  [1, "JOB-20260109-001"],
  [42, "JOB-20260109-042"],
  [999, "JOB-20260109-999"],
  [1000, "JOB-20260109-1000"],
  [123_456, "JOB-20260109-123456"],
])("job number %d is %s", (number, id) => {
  expect(jobIdOf("2026-01-09", number)).toBe(id);
});

test("a job id gives back its day and number, also past 999", () => {
  const days = fc.date({ min: new Date(0), max: new Date(Date.UTC(9999, 0)), noInvalidDate: true });
  fc.assert(
    fc.property(days, fc.integer({ min: 1, max: 999_999_999_999 }), (date, number) => {
      const day = date.toISOString().slice(0, 10);
      expect(parseJobId(jobIdOf(day, number))).toEqual({ day, number });
    }),
  );
});

test.each(["JOB-20260109-01", "JOB-2026019-001", "JOB-20260109-", "JOB-20260109-001x", "job-20260109-001", "AUD-1"])(
  "%s is no job id",
  (text) => {
    expect(parseJobId(text)).toBeUndefined();
  },
);
