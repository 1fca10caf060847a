import { expect, test } from "bun:test";
import { fireAway } from "./range.ts";

test("whatever is sent to whichever route: never a fault of ours, never a hang, never a forward that is not on record", async () => {
  const { shots, byStatus, forwards } = await fireAway({ shots: 4_000, seed: 20_260_109, lanes: 16 });
  expect(shots).toBe(4_000);
  // The run must have gone all the way, not only to the first check.
  expect(forwards).toBeGreaterThan(200);
  const seen = [...byStatus.keys()];
  for (const one of ["200", "400 invalid_request", "403 forbidden_host", "404 not_found", "405 method_not_allowed"]) {
    expect(seen).toContain(one);
  }
}, 60_000);
