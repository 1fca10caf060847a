import { expect, test } from "bun:test";
import { createLog } from "../../src/lib/log.ts";
import { connectionLog } from "../../src/podium/connection-log.ts";
import { FakeClock } from "../lib/fake-clock.ts";

test("an outage is told when it begins, once an hour, and when it ends; its attempts are for who debugs", () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const log = createLog({ level: "info", format: "pretty", clock, write: (line) => lines.push(line) });
  const told = connectionLog(log, clock);
  const fail = (detail: string): void => {
    told("connecting", "");
    told("disconnected", detail);
  };
  const tenMinutes = 600_000;
  for (let tries = 0; tries < 13; tries++, clock.pass(tenMinutes)) fail(tries < 3 ? "refused" : "answered 401");
  told("connecting", "");
  told("connected", "");
  fail("closed");
  expect(lines).toEqual([
    "08:00:00.000 warn  podium_stream state=disconnected detail=refused lost_since=2026-01-09T08:00:00.000Z",
    '09:00:00.000 warn  podium_stream state=disconnected detail="answered 401" lost_since=2026-01-09T08:00:00.000Z',
    '10:00:00.000 warn  podium_stream state=disconnected detail="answered 401" lost_since=2026-01-09T08:00:00.000Z',
    "10:10:00.000 info  podium_stream state=connected lost_since=2026-01-09T08:00:00.000Z",
    "10:10:00.000 warn  podium_stream state=disconnected detail=closed lost_since=2026-01-09T10:10:00.000Z",
  ]);
});

test("a connection at the first try is one line", () => {
  const lines: string[] = [];
  const clock = new FakeClock();
  const log = createLog({ level: "info", format: "pretty", clock, write: (line) => lines.push(line) });
  const told = connectionLog(log, clock);
  told("connecting", "");
  told("connected", "");
  expect(lines).toEqual(["08:00:00.000 info  podium_stream state=connected"]);
});
