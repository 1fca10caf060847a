import { expect, test } from "bun:test";
import type { StoredRecord } from "../../src/audit/record.ts";
import { Keys } from "../../src/dispatch/keys.ts";
import type { Problem } from "../../src/lib/errors.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intentAt, outcomeAt, recordAt } from "./records.ts";

const day = 24 * 60 * 60 * 1000;

/** The kind of the claim, or the code of the refusal. */
function claim(keys: Keys, key: string | undefined, fingerprint = "a", limited = true): string {
  try {
    return keys.claim(key, fingerprint, limited).kind;
  } catch (error) {
    return (error as Problem).code;
  }
}

/** A key whose dispatch has come to this end. */
function used(fate: "settle" | "doubt" | "free", clock = new FakeClock()): Keys {
  const keys = new Keys(clock);
  keys.claim("k", "a");
  keys.bind("k", "JOB-20260109-001", "AUD-1");
  keys.leave("k", fate);
  return keys;
}

test("no key is no claim", () => {
  const keys = new Keys(new FakeClock());
  expect(keys.claim(undefined, "a")).toEqual({ kind: "none" });
  keys.bind(undefined, "JOB-20260109-001", "AUD-1");
  keys.leave(undefined, "settle");
});

test("of 200 claims at once exactly one is new, and the others are told to wait", () => {
  const keys = new Keys(new FakeClock());
  const claims = Array.from({ length: 200 }, () => claim(keys, "k"));
  expect(claims.filter((kind) => kind === "new")).toHaveLength(1);
  expect(claims.filter((kind) => kind === "in_flight")).toHaveLength(199);
});

test("a request in flight tells its job and when to come back", () => {
  const keys = new Keys(new FakeClock());
  keys.claim("k", "a");
  keys.bind("k", "JOB-20260109-001", "AUD-1");
  expect(() => keys.claim("k", "a")).toThrow(
    expect.objectContaining({
      code: "in_flight",
      status: 409,
      retry: "same-key",
      extras: { retryAfterS: 1, job_id: "JOB-20260109-001" },
    }),
  );
});

test.each([
  ["settle", "settled", { kind: "settled", jobId: "JOB-20260109-001" }],
  ["doubt", "unknown", { kind: "unknown", jobId: "JOB-20260109-001" }],
  ["free", "new", { kind: "new" }],
] as const)("%s leaves the key %s", (fate, _state, expected) => {
  expect(used(fate).claim("k", "a")).toEqual(expected);
});

test("a settled key is settled for everybody, an unknown one belongs to the first who asks", () => {
  const settled = used("settle");
  expect([claim(settled, "k"), claim(settled, "k")]).toEqual(["settled", "settled"]);
  const unknown = used("doubt");
  expect([claim(unknown, "k"), claim(unknown, "k")]).toEqual(["unknown", "in_flight"]);
});

test.each(["settle", "doubt"] as const)("another body under a key left with %s is a mismatch", (fate) => {
  expect(() => used(fate).claim("k", "b")).toThrow(
    expect.objectContaining({
      code: "idempotency_mismatch",
      status: 422,
      retry: "never",
      extras: { job_id: "JOB-20260109-001" },
    }),
  );
});

test("another body under a key in flight is a mismatch too, and leaves the key as it was", () => {
  const keys = new Keys(new FakeClock());
  keys.claim("k", "a");
  expect(claim(keys, "k", "b")).toBe("idempotency_mismatch");
  keys.leave("k", "settle");
  expect(claim(keys, "k")).toBe("settled");
});

test("keys differ by every character", () => {
  const keys = used("settle");
  for (const other of ["K", "k ", "", "kk", "__proto__"]) expect(claim(keys, other)).toBe("new");
});

test.each(["settle", "doubt"] as const)(
  "a key left with %s lives 24 hours from its birth, to the millisecond",
  (fate) => {
    const clock = new FakeClock();
    const keys = used(fate, clock);
    clock.step(365 * day);
    clock.pass(day - 1);
    expect(claim(keys, "k", "b")).toBe("idempotency_mismatch");
    clock.pass(1);
    expect(claim(keys, "k", "b")).toBe("new");
  },
);

test("a key that is sent again after an unknown outcome lives 24 hours from then, and keeps nobody else longer", () => {
  const clock = new FakeClock();
  const keys = used("doubt", clock);
  clock.pass(day / 2);
  keys.claim("other", "a");
  keys.leave("other", "settle");
  clock.pass(day / 2 - 1);
  keys.claim("k", "a");
  keys.bind("k", "JOB-20260110-001", "AUD-2");
  keys.leave("k", "settle");
  clock.pass(day / 2 + 1);
  expect(claim(keys, "other", "b")).toBe("new");
  clock.pass(day / 2 - 2);
  expect(claim(keys, "k", "b")).toBe("idempotency_mismatch");
  clock.pass(1);
  expect(claim(keys, "k", "b")).toBe("new");
});

test("a key in flight is not forgotten, however long it takes", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  keys.claim("k", "a");
  clock.pass(2 * day);
  expect(claim(keys, "k")).toBe("in_flight");
});

test.each([
  ["queued", "settled"],
  ["rejected", "settled"],
  ["unknown", "unknown"],
  ["failed", "new"],
  ["nothing", "unknown"],
] as const)("after a restart a key whose dispatch ended as %s is %s", (result, state) => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  const intent = intentAt(clock.now() - 1000, 1, { idempotency_key: "k", request_hash: "a" });
  keys.restore(intent);
  if (result !== "nothing") keys.restore(outcomeAt(clock.now(), intent, result));
  expect(claim(keys, "k")).toBe(state);
});

test("after a restart an unknown outcome that was found out stays found out", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  const intent = intentAt(clock.now(), 1, { idempotency_key: "k", request_hash: "a" });
  for (const record of [
    intent,
    outcomeAt(clock.now(), intent, "unknown", { event: "unknown" }),
    recordAt(clock.now(), { event: "job", audit_id: "AUD-1", job_id: "JOB-20260109-001", result: "queued" }),
  ]) {
    keys.restore(record);
  }
  expect(keys.claim("k", "a")).toEqual({ kind: "settled", jobId: "JOB-20260109-001" });
});

test("after a restart a key still refuses another body, and still dies 24 hours after its birth", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  const intent = intentAt(clock.now() - day + 1000, 1, { idempotency_key: "k", request_hash: "a" });
  keys.restore(intent);
  keys.restore(outcomeAt(clock.now(), intent, "queued"));
  clock.pass(999);
  expect(claim(keys, "k", "b")).toBe("idempotency_mismatch");
  clock.pass(1);
  expect(claim(keys, "k", "b")).toBe("new");
});

test.each([-10 * day, 10 * day])(
  "after a restart a key is as old as its running time, with the clock set by %i",
  (ms) => {
    const clock = new FakeClock();
    const keys = new Keys(clock);
    const uptime_ms = clock.monotonic() - 1000;
    keys.restore(intentAt(clock.now() - ms, 1, { idempotency_key: "k", request_hash: "a", uptime_ms }));
    clock.pass(day - 1001);
    expect(claim(keys, "k")).toBe("unknown");
    keys.leave("k", "doubt");
    clock.pass(1);
    expect(claim(keys, "k")).toBe("new");
  },
);

test("a freed key that was used again is restored as its last use left it", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  const first = intentAt(clock.now(), 1, { idempotency_key: "k", request_hash: "a" });
  const second = intentAt(clock.now(), 2, { idempotency_key: "k", request_hash: "a" });
  for (const record of [
    first,
    outcomeAt(clock.now(), first, "failed"),
    second,
    outcomeAt(clock.now(), second, "queued"),
  ]) {
    keys.restore(record);
  }
  expect(keys.claim("k", "a")).toEqual({ kind: "settled", jobId: "JOB-20260109-002" });
});

test("more keys than the bound are refused, and nothing is forgotten for them", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  for (let i = 0; i < 100_000; i++) {
    keys.claim(`k${i}`, "a");
    keys.leave(`k${i}`, "settle");
  }
  expect(claim(keys, "one more")).toBe("queue_full");
  expect(claim(keys, "k0", "b")).toBe("idempotency_mismatch");
  clock.pass(day);
  expect(claim(keys, "one more")).toBe("new");
});

test("when no more are remembered, the time to wait is the one until the oldest is forgotten", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock, 2);
  keys.claim("halt", "a", false);
  for (const key of ["k0", "k1"]) {
    clock.pass(1_000);
    keys.claim(key, "a");
    keys.leave(key, "settle");
  }
  clock.pass(1_500);
  const full = expect.objectContaining({ code: "queue_full", extras: { retryAfterS: 86_398 } });
  expect(() => keys.claim("k2", "a")).toThrow(full);
  clock.pass(86_398_000);
  expect(claim(keys, "k2")).toBe("new");
});

const floods: readonly ["live" | "restored", (keys: Keys, clock: FakeClock, i: number) => void][] = [
  ["live", (keys, _clock, i) => void keys.claim(`c${i}`, "a", false)],
  [
    "restored",
    (keys, clock, i) =>
      keys.restore(intentAt(clock.now(), i, { action: "cancel_story", idempotency_key: `c${i}`, request_hash: "a" })),
  ],
];
for (const [how, flood] of floods) {
  test(`what no limit holds back goes unremembered past its own share, and takes no place of the others (${how})`, () => {
    const clock = new FakeClock();
    const keys = new Keys(clock, 20);
    for (let i = 0; i < 50; i++) flood(keys, clock, i);
    expect([claim(keys, "c1", "b", false), claim(keys, "c2", "b", false)]).toEqual(["idempotency_mismatch", "none"]);
    const claims = Array.from({ length: 21 }, (_, i) => claim(keys, `k${i}`));
    expect(claims).toEqual([...Array.from({ length: 20 }, () => "new"), "queue_full"]);
    keys.leave("c0", "free");
    expect([claim(keys, "c2", "b", false), claim(keys, "c3", "b", false)]).toEqual(["new", "none"]);
  });
}

test("late news of a key's earlier dispatch is no news of its newer one", () => {
  const clock = new FakeClock();
  const keys = new Keys(clock);
  const [first, second] = [1, 2].map((number) =>
    intentAt(morning + (number - 1) * day, number, { idempotency_key: "k", request_hash: "a" }),
  ) as [StoredRecord, StoredRecord];
  clock.pass(day);
  for (const record of [first, outcomeAt(morning, first, "unknown"), second]) keys.restore(record);
  keys.restore({ ...outcomeAt(morning + day, first, "failed"), event: "job" });
  expect(keys.claim("k", "a")).toEqual({ kind: "unknown", jobId: second.job_id! });
});
