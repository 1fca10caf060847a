import { expect, test } from "bun:test";
import { storiesMax } from "../../src/stream/job-stream.ts";
import { morning } from "../lib/fake-clock.ts";
import type { Joined } from "./room.ts";
import { createdAt, frame, jobOf, join, roomOf } from "./room.ts";

test("a client of a job hears its newest frame, what follows about it, and a normal end with the terminal one", () => {
  const { hub, context } = roomOf();
  for (const status of ["queued", "in_progress"]) hub.publish(frame("STORY-1", status));
  hub.publish(frame("STORY-2", "in_progress"));
  const { peer } = join(context, { job: jobOf().job });
  hub.publish(frame("STORY-2", "done"));
  expect(peer.ended).toEqual([]);
  hub.publish(frame("STORY-1", "done"));
  hub.publish(frame("STORY-1", "queued"));
  expect(peer.heard.slice(1)).toEqual([frame("STORY-1", "in_progress"), frame("STORY-1", "done")]);
  expect(peer.ended).toEqual([1000]);
});

test("an agent's word is told, and is no end of its story", () => {
  const { hub, context } = roomOf();
  hub.passOn(["STORY_STATUS", "AGENT_STATUS"]);
  const { peer } = join(context, { job: jobOf().job });
  const agent = JSON.stringify({ type: "AGENT_STATUS", agentId: "agent-1", storyId: "STORY-1", status: "failed" });
  hub.publish(agent);
  expect([peer.heard.slice(1), peer.ended]).toEqual([[agent], []]);
});

test("a job that ended between its look-up and the join still ends its stream", () => {
  const { hub, context } = roomOf();
  hub.publish(frame("STORY-1", "done"));
  const { peer } = join(context, { job: jobOf().job });
  expect([peer.heard.at(-1), peer.ended]).toEqual([frame("STORY-1", "done"), [1000]]);
});

test("a job that has ended says how, as far as it is on record, and ends", () => {
  const { context } = roomOf();
  const { job, change } = jobOf();
  change({ known: frame("STORY-1", "failed"), ending: { status: "queued" } });
  const { peer } = join(context, { job });
  expect([peer.heard.slice(1), peer.ended]).toEqual([[frame("STORY-1", "failed")], [1000]]);
});

test("a job that the log ends says so in our words, to whoever is there and to whoever comes later", () => {
  const { context } = roomOf();
  const { job, change, listeners } = jobOf({});
  const early = join(context, { job });
  expect(early.peer.ended).toEqual([]);
  change({ ending: { job_id: "JOB-1", action: "halt", status: "queued" } });
  for (const { peer, types } of [early, join(context, { job })]) {
    expect([types(), peer.ended]).toEqual([["GATEWAY_STATUS", "JOB_OUTCOME"], [1000]]);
    expect(JSON.parse(peer.heard[1]!)).toMatchObject({ job_id: "JOB-1", action: "halt", status: "queued" });
  }
  expect(listeners.size).toBe(0);
});

test.each([true, false])(
  "a stream that ends while it is being opened leaves nobody behind (resumed: %p)",
  (resumed) => {
    const { hub, context } = roomOf();
    const since = resumed ? { since: `${hub.epoch}:0` } : {};
    const onRecord = jobOf();
    onRecord.change({ known: frame("STORY-1", "done"), ending: { status: "queued" } });
    const inHistory = jobOf();
    hub.publish(frame("STORY-1", "done"));
    const ended = jobOf({});
    ended.change({ ending: { status: "queued" } });
    for (const { job, listeners } of [onRecord, inHistory, ended]) {
      const { peer } = join(context, { job, ...since });
      expect([peer.ended, hub.subscribers, listeners.size, context.clients.size]).toEqual([[1000], 0, 0, 0]);
    }
  },
);

test("the last frame says that it is, whoever wrote it and wherever it comes from", () => {
  const { hub, context } = roomOf();
  const ended = { status: "queued" };
  const lastOf = ({ peer }: Joined) => {
    const { id, event } = JSON.parse(peer.heard.at(-1)!) as { id: string; event: { type: string } };
    return [event.type, id, peer.ended];
  };
  const live = join(context, { job: jobOf().job }, true);
  const byTheLog = jobOf();
  const told = join(context, { job: byTheLog.job }, true);
  for (const status of ["queued", "in_progress"]) hub.publish(frame("STORY-1", status));
  byTheLog.change({ ending: ended });
  expect(lastOf(told)).toEqual(["JOB_OUTCOME", `${hub.epoch}:2:end`, [1000]]);
  for (const status of ["done", "queued"]) hub.publish(frame("STORY-1", status));
  expect(lastOf(live)).toEqual(["STORY_STATUS", `${hub.epoch}:3:end`, [1000]]);
  const onRecord = jobOf();
  onRecord.change({ known: frame("STORY-1", "done"), ending: ended });
  expect(lastOf(join(context, { job: onRecord.job }, true))).toEqual(["STORY_STATUS", `${hub.epoch}:4:end`, [1000]]);
});

test("a frame on record is not told when its type is not passed on", () => {
  const { hub, context } = roomOf();
  hub.passOn(["QUEUE_UPDATE"]);
  const { job, change } = jobOf();
  change({ known: frame("STORY-1", "done"), ending: { status: "queued", podium_status: "done" } });
  const { types, peer } = join(context, { job });
  expect([types(), peer.ended]).toEqual([["GATEWAY_STATUS", "JOB_OUTCOME"], [1000]]);
});

test.each(["live", "resumed"])("an end that a client's types leave out is told in our words (%s)", (way) => {
  const { hub, context } = roomOf();
  const { job, change } = jobOf();
  const types = new Set(["QUEUE_UPDATE"]);
  const end = (): void => {
    hub.publish(frame("STORY-1", "done"));
    change({ ending: { status: "queued", podium_status: "done" } });
  };
  if (way === "resumed") end();
  const client = join(context, { job, types, ...(way === "resumed" && { since: `${hub.epoch}:0` }) });
  if (way === "live") end();
  expect([client.types(), client.peer.ended]).toEqual([["GATEWAY_STATUS", "JOB_OUTCOME"], [1000]]);
});

test("a client that comes while everybody is sent away leaves nobody behind", async () => {
  const { hub, context } = roomOf();
  await context.clients.closeAll(0);
  const { peer } = join(context, { job: jobOf().job });
  expect([peer.ended, hub.subscribers, context.clients.size]).toEqual([[1001], 0, 0]);
});

test("whoever resumes after the end hears nothing of the story's next run", () => {
  const { hub, context, clock } = roomOf();
  for (const status of ["queued", "done"]) hub.publish(frame("STORY-1", status));
  clock.pass(1);
  hub.publish(frame("STORY-1", "queued"));
  const { job, change } = jobOf({ storyId: "STORY-1", until: () => createdAt });
  change({ ending: { status: "queued" } });
  const late = join(context, { job, since: `${hub.epoch}:2` });
  expect([late.types(), late.peer.ended]).toEqual([["GATEWAY_STATUS", "JOB_OUTCOME"], [1000]]);
  const early = join(context, { job, since: `${hub.epoch}:1` });
  expect([early.peer.heard.slice(1), early.peer.ended]).toEqual([[frame("STORY-1", "done")], [1000]]);
});

test("a job that is taken over by a newer one hears no more of its story", () => {
  const { hub, context } = roomOf();
  const { job, change } = jobOf();
  const { types, peer } = join(context, { job });
  hub.publish(frame("STORY-1", "queued"));
  change({ ending: { superseded_by: "JOB-2" } });
  hub.publish(frame("STORY-1", "in_progress"));
  expect([types(), peer.ended]).toEqual([["GATEWAY_STATUS", "STORY_STATUS", "JOB_OUTCOME"], [1000]]);
});

test("a plan's stream first tells each story's newest frame, from the log or the history, then what is live", () => {
  const { hub, context } = roomOf();
  const of = (storyId: string | undefined, status: string, planId: string | null = "P"): string =>
    JSON.stringify({ type: "STORY_STATUS", storyId, planId, status });
  for (const status of ["queued", "in_progress"]) hub.publish(of("A", status));
  hub.publish(of("Z", "queued", "Q"));
  const known = [of("A", "queued"), of("B", "done")].map((text) => ({ at: createdAt, text }));
  const { job } = jobOf({ planId: "P", stories: new Set(["A", "B"]), known: () => known });
  const { peer } = join(context, { job });
  expect(peer.heard.slice(1)).toEqual([of("B", "done"), of("A", "in_progress")]);
  const live = [of("C", "queued"), of("C", "done", null), of("A", "done", null), of(undefined, "done")];
  for (const text of [of("A", "queued", "Q"), of("Y", "done", null), ...live]) hub.publish(text);
  expect([peer.heard.slice(3), peer.ended]).toEqual([live, [1000]]);
});

test("a plan's stream remembers a bounded number of stories", () => {
  const { hub, context } = roomOf();
  const { job } = jobOf({ planId: "P" });
  const { peer } = join(context, { job });
  const count = storiesMax + 10;
  for (let n = 0; n < count; n++) hub.publish(JSON.stringify({ type: "STORY_STATUS", storyId: `S-${n}`, planId: "P" }));
  // Also those past the bound are told, as long as frames name the plan.
  expect([job.stories.size, peer.heard.length]).toEqual([storiesMax, count + 1]);
});

test("whoever resumes from before the job hears nothing of the story's earlier runs", () => {
  const { hub, context, clock } = roomOf();
  for (const status of ["queued", "done"]) hub.publish(frame("STORY-1", status));
  clock.pass(1);
  const since = new Date(morning + 1).toISOString();
  const { peer } = join(context, {
    job: jobOf({ storyId: "STORY-1", since: () => since }).job,
    since: `${hub.epoch}:0`,
  });
  hub.publish(frame("STORY-1", "in_progress"));
  expect([peer.heard.slice(1), peer.ended]).toEqual([[frame("STORY-1", "in_progress")], []]);
});

test("what is said while an earlier dispatch of the story is meant is not the job's, and does not end its stream", () => {
  const { hub, context } = roomOf();
  hub.publish(frame("STORY-1", "done"));
  let isMeant = false;
  const { job } = jobOf({ storyId: "STORY-1", since: () => undefined, isMeant: () => isMeant });
  const joined = [{}, { since: `${hub.epoch}:0` }].map((wish) => join(context, { job, ...wish }));
  hub.publish(frame("STORY-1", "failed"));
  isMeant = true;
  hub.publish(frame("STORY-1", "queued"));
  for (const { peer } of joined) expect([peer.heard.slice(1), peer.ended]).toEqual([[frame("STORY-1", "queued")], []]);
});

test("frames of an earlier run of the story do not end the stream of the next", () => {
  const { hub, context } = roomOf();
  hub.publish(frame("STORY-1", "done"));
  const later = new Date(morning + 1).toISOString();
  const { peer } = join(context, { job: jobOf({ storyId: "STORY-1", since: () => later }).job });
  expect([peer.heard.length, peer.ended]).toEqual([1, []]);
});
