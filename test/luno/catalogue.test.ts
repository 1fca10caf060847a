import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import { loadCatalogue } from "../../src/luno/catalogue.ts";
import { fillFolder, folderAt } from "../../src/luno/folder.ts";
import { BadFile } from "../../src/luno/json-file.ts";
import { readPlan } from "../../src/luno/plans.ts";
import { graphFaults } from "../../src/luno/story-graph.ts";
import { flatten, storiesMax } from "../../src/luno/story.ts";
import type { Json } from "./luno-under-test.ts";
import { temporaryFolder, writeStories, endAll } from "./luno-under-test.ts";

afterEach(endAll);

function load(stories: readonly Json[]) {
  const file = path.join(temporaryFolder(), "catalogue.json");
  writeStories(file, {}, stories);
  return () => loadCatalogue(runtime.files, file, []);
}

describe("loadCatalogue", () => {
  test("fills in what a story leaves out", () => {
    const [story] = load([{ storyId: "A" }])();
    expect(story).toEqual({
      storyId: "A",
      title: "A story",
      queue: "free-tier",
      dependencies: [],
      status: "todo",
      epicId: "EPIC-1",
      sprintId: "SPRINT-1",
    });
  });

  const place = "/epics/0/sprints/0/stories";
  test.each<[string, Json[], string]>([
    ["an unknown key", [{ storyId: "A", comand: ["ls"] }], `at ${place}/0/comand: Unknown key`],
    ["a path as an id", [{ storyId: "../A" }], `at ${place}/0/storyId`],
    ["an empty command", [{ storyId: "A", command: [] }], `at ${place}/0/command: Expected a program`],
    ["a NUL in an argument", [{ storyId: "A", command: ["a\0b"] }], `at ${place}/0/command/0: NUL`],
    ["an unknown queue", [{ storyId: "A", queue: "fast" }], `at ${place}/0/queue`],
    ["a status that only a run gives", [{ storyId: "A", status: "in_progress" }], `at ${place}/0/status`],
    ["an id twice", [{ storyId: "A" }, { storyId: "A" }], `at ${place}/0/storyId: The story A exists already`],
    [
      "a dependency on nothing",
      [{ storyId: "A", dependencies: ["B"] }],
      `at ${place}/0/dependencies/0: There is no story B`,
    ],
    [
      "a circle",
      [
        { storyId: "A", dependencies: ["C"] },
        { storyId: "B", dependencies: ["A"] },
        { storyId: "C", dependencies: ["B"] },
        { storyId: "D", dependencies: [] },
      ],
      "run in a circle through A, B, C",
    ],
    ["a story that waits for itself", [{ storyId: "A", dependencies: ["A"] }], "in a circle through A"],
    ["too many stories", Array.from({ length: storiesMax + 1 }, (_, i) => ({ storyId: `S${i}` })), `at ${place}: `],
  ])("refuses %s, naming the place", (_name, stories, words) => {
    const attempt = load(stories);
    expect(attempt).toThrow(BadFile);
    expect(attempt).toThrow(words);
  });

  test("names the file when it is not JSON or not there", () => {
    const file = path.join(temporaryFolder(), "catalogue.json");
    expect(() => loadCatalogue(runtime.files, file, [])).toThrow(`Cannot read ${file}`);
    fs.writeFileSync(file, "{ epics: [] }");
    expect(() => loadCatalogue(runtime.files, file, [])).toThrow(`Cannot use ${file}: it is not valid JSON`);
  });

  test("refuses a story that an applied plan has brought already", () => {
    const file = path.join(temporaryFolder(), "catalogue.json");
    writeStories(file, {}, [{ storyId: "A" }]);
    const applied = loadCatalogue(runtime.files, file, []);
    expect(() => loadCatalogue(runtime.files, file, applied)).toThrow("The story A exists already");
  });
});

describe("the example set", () => {
  test("is written at the first start only, and what people edited stays", () => {
    const folder = folderAt(temporaryFolder());
    fillFolder(runtime.files, folder);
    fs.writeFileSync(folder.cataloguePath, "edited");
    fillFolder(runtime.files, folder);
    expect(fs.readFileSync(folder.cataloguePath, "utf8")).toBe("edited");
  });

  test("holds the user's own examples, and every plan in it fits the catalogue", () => {
    const folder = folderAt(temporaryFolder());
    fillFolder(runtime.files, folder);
    const stories = loadCatalogue(runtime.files, folder.cataloguePath, []);
    const ids = stories.map(({ storyId }) => storyId);
    expect(ids).toContain("STORY-001");
    expect(ids).toContain("LUNO-026-STORY-033");
    const present = new Map(stories.map((story) => [story.storyId, story]));
    const plans = fs.readdirSync(folder.plansFolder);
    expect(plans).toContain("SKOREQ-XXX.json");
    for (const name of plans) {
      const plan = readPlan(runtime.files, path.join(folder.plansFolder, name));
      expect(`${plan.planId}.json`).toBe(name);
      expect(graphFaults(flatten(plan.epics), present)).toEqual([]);
    }
  });
});
