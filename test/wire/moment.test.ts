import { expect, test } from "bun:test";
import fc from "fast-check";
import { auditQuerySchema } from "../../src/wire/audit.ts";
import { momentOf } from "../../src/wire/moment.ts";

test.each([
  ["2026-01-09", "2026-01-09T00:00:00.000Z", "2026-01-10T00:00:00.000Z"],
  ["2024-02-29", "2024-02-29T00:00:00.000Z", "2024-03-01T00:00:00.000Z"],
  ["9999-12-31", "9999-12-31T00:00:00.000Z", "~"],
])("a day %s begins at its midnight, and as an end is included", (day, from, to) => {
  expect([momentOf(day, "from"), momentOf(day, "to")]).toEqual([from, to]);
});

test.each([
  ["2026-01-09T08:00Z", "2026-01-09T08:00:00.000Z"],
  ["2026-01-09t08:00:01z", "2026-01-09T08:00:01.000Z"],
  ["2026-01-09 08:00:01.5Z", "2026-01-09T08:00:01.500Z"],
  ["2026-01-09T08:00:00.123456789Z", "2026-01-09T08:00:00.123Z"],
  ["2026-01-09T00:30:00+01:00", "2026-01-08T23:30:00.000Z"],
  ["2026-12-31T20:00:00-05:30", "2027-01-01T01:30:00.000Z"],
])("a time %s is that moment, as either end", (text, moment) => {
  expect([momentOf(text, "from"), momentOf(text, "to")]).toEqual([moment, moment]);
});

const bad = [
  "",
  "yesterday",
  "2026",
  "2026-1-9",
  "2026-13-01",
  "2026-02-30",
  "2026-00-10",
  "2026-01-09T",
  "2026-01-09T08:00",
  "2026-01-09T08Z",
  "2026-01-09T24:00Z",
  "2026-01-09T08:60Z",
  "2026-01-09T08:00:60Z",
  "2026-01-09T08:00:00 01:00",
  "2026-01-09T08:00+0100",
  "2026-01-09T08:00+24:00",
  "0000-01-01T00:00:00+01:00",
  " 2026-01-09",
  "2026-01-09\n",
];

test.each(bad)("%j is no moment, and no query's", (text) => {
  expect(momentOf(text, "from")).toBeUndefined();
  expect(auditQuerySchema.safeParse({ from: text }).success).toBe(false);
  expect(auditQuerySchema.safeParse({ to: text }).success).toBe(false);
});

test("what comes out has the shape of a record's timestamp, and its order is time's", () => {
  const time = fc.date({ min: new Date("0001-01-02"), max: new Date("9999-12-30"), noInvalidDate: true });
  fc.assert(
    fc.property(time, time, (a, b) => {
      const [first, second] = [a, b].map((each) => momentOf(each.toISOString(), "from")) as [string, string];
      expect(first).toBe(a.toISOString());
      expect(first < second).toBe(a.getTime() < b.getTime());
    }),
  );
});
