import { expect, test } from "bun:test";
import { settleEarlier } from "../../src/dispatch/settle-earlier.ts";
import type { Problem } from "../../src/lib/errors.ts";
import type { Command } from "../../src/wire/dispatch.ts";
import type { Desk } from "./desk.ts";
import { ask, enqueue, incoming, settleMs, verdictOf } from "./desk.ts";
import { said, statusOf, timedOut, yes } from "./scripted-podium.ts";
import { useDesks } from "./use-desks.ts";

/** What is in doubt, on a desk with a memory so short that it has forgotten what came before, or after. */

const story = "STORY-001";
const cancel = (story_id: string): Command => ({ action: "cancel_story", story_id });
const open = useDesks();
const forgetful = (): Promise<Desk> => open({ bounds: { jobs: { jobsMax: 4, charsMax: 1_000_000, doubtsMax: 10 } } });

/** Sent, and never answered. */
async function inDoubt(desk: Desk, command: Command): Promise<void> {
  desk.podium.rule = () => timedOut;
  expect(verdictOf(await ask(desk, incoming(command, "k")))).toBe("podium_timeout same-key");
  desk.podium.rule = () => yes;
}

async function taken(desk: Desk, ...commands: readonly Command[]): Promise<void> {
  for (const command of commands) expect(verdictOf(await ask(desk, incoming(command)))).toBe("ok");
}

test("a cancel that memory has forgotten is not said again: nobody knows what it would stop", async () => {
  const desk = await forgetful();
  await inDoubt(desk, cancel(story));
  await taken(desk, ...["A", "B", "C", "D"].map(cancel));
  expect(desk.jobs.get("JOB-20260109-001")).toBeUndefined();
  expect(verdictOf(await ask(desk, incoming(cancel(story), "k")))).toBe("podium_timeout same-key");
  expect(desk.podium.received).toHaveLength(5);
});

test("nor is one when memory has forgotten what may have come after it", async () => {
  const desk = await forgetful();
  await inDoubt(desk, cancel(story));
  await taken(desk, ...[story, "A", "B", "C"].map(enqueue));
  expect([desk.jobs.get("JOB-20260109-001")?.action, desk.jobs.ofStory(story)]).toEqual(["cancel_story", undefined]);
  expect(verdictOf(await ask(desk, incoming(cancel(story), "k")))).toBe("podium_timeout same-key");
  expect(desk.podium.received).toHaveLength(5);
});

test("of a dispatch that memory has forgotten, nobody knows whether it was put back: it is not sent again", async () => {
  const desk = await forgetful();
  await inDoubt(desk, enqueue(story));
  await taken(desk, ...["A", "B", "C", "D"].map(enqueue));
  expect(desk.jobs.get("JOB-20260109-001")).toBeUndefined();
  desk.clock.pass(settleMs);
  desk.podium.rule = ({ request }) => (request.method === "GET" ? statusOf(story, "todo") : yes);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "k")))).toBe("podium_timeout same-key");
  expect(desk.podium.words.at(-1)).toBe("GET /api/status");
});

test("a wish that is refused for an earlier one's doubt is on record as refused", async () => {
  const desk = await open();
  await inDoubt(desk, enqueue(story));
  desk.clock.pass(settleMs - 1);
  expect(verdictOf(await ask(desk, incoming(enqueue(story), "other")))).toBe("story_cooldown safe");
  await desk.close();
  const refusals = desk.records().filter(({ event }) => event === "rejected");
  expect(refusals).toEqual([expect.objectContaining({ code: "story_cooldown", story_id: story, count: 1 })]);
});

test("a refusal that was recorded is the answer, and Podium is not asked again", async () => {
  const desk = await open();
  desk.podium.rule = () => said(409, "{}");
  const refused = (await ask(desk, incoming(enqueue(story), "k"))) as Problem;
  const claim = { kind: "unknown", jobId: refused.extras.job_id! } as const;
  const again = await settleEarlier(desk.deps, incoming(enqueue(story), "k"), claim).catch((error: Problem) => error);
  expect([(again as Problem).code, (again as Problem).message]).toEqual([refused.code, refused.message]);
  expect(desk.podium.received).toHaveLength(1);
});
