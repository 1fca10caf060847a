import { expect, spyOn, test } from "bun:test";
import { Problem } from "../../src/lib/errors.ts";
import { ask, enqueue, incoming, openDesk, quiet, recordsIn, verdictOf } from "./desk.ts";
import type { FailingFiles } from "./failing-files.ts";
import { failingFiles } from "./failing-files.ts";
import { said, yes } from "./scripted-podium.ts";

const faults = ["write", "short write", "datasync"] as const;

test("Podium hears nothing before the fdatasync of the intent has returned", async () => {
  const failing = failingFiles();
  const desk = await openDesk({ files: failing.files });
  const order: string[] = [];
  failing.synced = () => order.push("synced");
  desk.podium.rule = () => {
    order.push("sent");
    return yes;
  };
  await ask(desk, incoming(enqueue("STORY-001")));
  order.push("answered");
  expect(order).toEqual(["synced", "sent", "synced", "answered"]);
  await desk.close();
});

test.each(faults)(
  "when the intent meets a failed %s nothing is forwarded, and the process is told to end",
  async (fault) => {
    const failing = failingFiles();
    const desk = await openDesk({ files: failing.files });
    desk.podium.rule = () => yes;
    failing.fault = fault;
    const answers = await Promise.all(
      ["STORY-1", "STORY-2", "STORY-3"].map((story) => ask(desk, incoming(enqueue(story), `key of ${story}`))),
    );
    expect(answers.map(verdictOf)).toEqual(Array.from({ length: 3 }, () => "audit_unavailable safe"));
    failing.fault = undefined;
    expect(verdictOf(await ask(desk, incoming(enqueue("STORY-4"))))).toBe("audit_unavailable safe");
    expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("audit_unavailable safe");
    expect(desk.podium.received).toEqual([]);
    expect(desk.fatals).toHaveLength(1);
    await desk.close();
  },
);

test.each(faults)("an outcome lost to a failed %s says: sent, repeat with the same key only", async (fault) => {
  const failing = failingFiles();
  const desk = await openDesk({ files: failing.files });
  desk.podium.rule = () => {
    failing.fault = fault;
    return yes;
  };
  const answer = await ask(desk, incoming(enqueue("STORY-001"), "k"));
  expect(verdictOf(answer)).toBe("audit_unavailable same-key");
  if (!(answer instanceof Problem)) throw new Error("not an answer");
  expect(answer.message).toContain("was sent");
  expect(answer.extras.job_id).toBe("JOB-20260109-001");
  await desk.close();
  await comesBack(desk.dir, answer.extras.job_id!);
});

/** The next start closes the intent as unknown, and the same key asks Podium before it sends anything. */
async function comesBack(dir: string, jobId: string): Promise<void> {
  const desk = await openDesk({ dir });
  const job = desk.jobs.get(jobId)!;
  // A failed fdatasync may have written the line after all: then the outcome is known.
  if (job.status !== "queued") {
    expect(job.status).toBe("unknown");
    desk.podium.rule = () => said(200, '{"stories":[{"storyId":"STORY-001","status":"queued"}]}');
    expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("ok");
    expect(desk.podium.words).toEqual(["GET /api/status"]);
  }
  const ends = recordsIn(dir).filter(({ event }) => event === "outcome" || event === "unknown");
  expect(ends).toHaveLength(1);
  await desk.close();
}

test("as long as an outcome is not on disk its key is in flight and its story on its way", async () => {
  const failing = failingFiles();
  const desk = await openDesk({ files: failing.files, storyCooldownS: 0 });
  const durable = Promise.withResolvers<void>();
  desk.podium.rule = () => {
    failing.syncing = durable.promise;
    return yes;
  };
  const first = ask(desk, incoming(enqueue("STORY-001"), "k"));
  await desk.podium.arrivals(1);
  await quiet();
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("in_flight same-key");
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("story_cooldown safe");
  durable.resolve();
  expect(verdictOf(await first)).toBe("ok");
  await desk.close();
});

test("below the disk reserve dispatches are refused and leave no trace, and a halt still goes out", async () => {
  const desk = await openDesk();
  desk.podium.rule = () => yes;
  const full = (): never => {
    throw new Problem("audit_unavailable", "the disk is full");
  };
  desk.log.assertAdmits = (what) => (what === "dispatch" ? full() : undefined);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"), "k")))).toBe("audit_unavailable safe");
  expect(verdictOf(await ask(desk, incoming({ action: "status" })))).toBe("audit_unavailable safe");
  expect(verdictOf(await ask(desk, incoming({ action: "halt" })))).toBe("ok");
  expect(desk.podium.words).toEqual(["HALT"]);
  expect(desk.records().filter(({ event }) => event === "intent")).toHaveLength(1);
  await desk.close();
});

test("an intent that finds no room gives its place in the lane back", async () => {
  const desk = await openDesk();
  desk.podium.rule = () => yes;
  const append = spyOn(desk.log, "append").mockRejectedValueOnce(new Problem("audit_unavailable", "too much waits"));
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("audit_unavailable safe");
  expect(append).toHaveBeenCalledTimes(1);
  expect(desk.lane.busy).toBe(0);
  expect(verdictOf(await ask(desk, incoming(enqueue("STORY-001"))))).toBe("ok");
  await desk.close();
});

test("a refusal that can't be recorded is still told as it was", async () => {
  const failing: FailingFiles = failingFiles();
  const desk = await openDesk({ files: failing.files });
  const first = ask(desk, incoming(enqueue("STORY-0")));
  const pending = await desk.podium.next();
  const hangUp = new AbortController();
  const second = ask(desk, incoming(enqueue("STORY-1"), undefined, hangUp.signal));
  failing.synced = () => {
    failing.fault = "write";
    hangUp.abort();
  };
  expect(verdictOf(await second)).toBe("cancelled_by_client safe");
  pending.answer(yes);
  expect(verdictOf(await first)).toBe("audit_unavailable same-key");
  await desk.close();
});
