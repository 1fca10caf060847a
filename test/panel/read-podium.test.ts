import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { readPodium } from "../../src/panel/web/state/read-podium.ts";
import { workAfter, workOf } from "../../src/panel/web/state/work.ts";

const ids = (value: unknown): string[] => [...workOf(readPodium(value)).stories.keys()];

describe("a status of unknown shape", () => {
  test.each([
    ["a list of stories", { stories: [{ storyId: "A", status: "todo" }] }],
    ["ids called id", { tasks: [{ id: "A", status: "todo" }] }],
    ["snake case", { catalogue: [{ story_id: "A" }] }],
    ["deep inside", { data: { epics: [{ sprints: [{ stories: [{ id: "A", status: "x" }] }] }] } }],
    ["a map by id", { stories: { A: { status: "todo" } } }],
    ["a bare list", [{ id: "A", status: "todo" }]],
    ["only a queue", { queue: ["A"] }],
    ["queues by tier", { queues: { free: [{ storyId: "A" }] } }],
    ["only the running one", { currentStory: "A" }],
    ["the running one as an object", { currentStory: { id: "A", title: "a" } }],
  ])("%s gives the story", (_name, value) => {
    expect(ids(value)).toEqual(["A"]);
  });

  test("agents and plans are no stories", () => {
    const { stories, agents, plans } = workOf(
      readPodium({
        agents: [{ agentId: "one", status: "busy", storyId: "A", progress: 250 }],
        plans: [{ planId: "P", status: "staged", stories: ["A", { id: "B" }] }],
      }),
    );
    expect(stories.size).toBe(0);
    expect(agents).toEqual([{ id: "one", status: "busy", storyId: "A", progress: 100 }]);
    expect(plans).toEqual([{ id: "P", status: "staged", stories: ["A", "B"] }]);
  });

  test("the state is the orchestrator's, not a story's", () => {
    expect(readPodium({ orchestrator: { state: "halted" }, stories: [] }).state).toBe("halted");
    expect(readPodium({ storyId: "A", status: "done" }).state).toBeUndefined();
  });

  test("what a frame does not mention stays; what it empties is empty", () => {
    const before = workOf(readPodium({ stories: [{ id: "A", status: "todo", title: "a" }], queue: ["A"] }));
    const after = workAfter(before, readPodium({ type: "QUEUE_UPDATE", queue: [], currentStory: null }));
    expect(after.queue).toEqual([]);
    expect(after.stories.get("A")?.title).toBe("a");
  });

  test("what no status ever names is what the telemetry told, and unknown before; what one has named is empty when left out", () => {
    const silent = workOf(readPodium({ stories: [{ id: "A", status: "todo" }] }));
    expect(silent.known.has("queue")).toBe(false);
    const told = workAfter(silent, readPodium({ type: "QUEUE_UPDATE", queue: ["A", "B"] }));
    expect(told.known.has("queue")).toBe(true);
    const again = workOf(readPodium({ stories: [{ id: "A", status: "todo" }] }), told);
    expect(again.queue.map(({ id }) => id)).toEqual(["A", "B"]);
    const named = workOf(readPodium({ queue: ["C"], currentStory: "D" }), again);
    expect([named.queue.length, named.running]).toEqual([1, ["D"]]);
    const after = workOf(readPodium({ stories: [] }), named);
    expect([after.queue.length, after.running]).toEqual([0, []]);
  });

  test("nothing at all makes it throw or run away", () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const { stories, queue } = workOf(readPodium(value));
        expect(stories.size + queue.length).toBeLessThan(20_000);
      }),
      { numRuns: 500 },
    );
    const wide = { stories: Array.from({ length: 100_000 }, (_, i) => ({ id: `S${i}`, status: "todo" })) };
    expect(ids(wide)).toHaveLength(5_000);
  });
});
