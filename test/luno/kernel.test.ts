import { afterEach, describe, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import { systemClock } from "../../src/lib/clock.ts";
import { silentLog } from "../../src/lib/log.ts";
import { EnqueueAudit } from "../../src/luno/enqueue-audit.ts";
import type { EnqueueRequest, Standing } from "../../src/luno/kernel.ts";
import { EnqueueKernel, judge, queueLengthMax } from "../../src/luno/kernel.ts";
import { Ledger } from "../../src/luno/ledger.ts";
import { emptyState } from "../../src/luno/state.ts";
import type { Story } from "../../src/luno/story.ts";
import type { StoryStatus } from "../../src/luno/vocabulary.ts";
import type { Files } from "../../src/runtime/types.ts";
import { atEnd, temporaryFolder, endAll } from "./luno-under-test.ts";

afterEach(endAll);

const by = { name: "mark", role: "admin", tokenId: "AUD-1" } as const;
const plain = { force: false, bypassDependencies: false, waitForDependencies: false };

describe("judge", () => {
  const verdict = (standing: Partial<Standing>, request: Partial<EnqueueRequest> = {}) =>
    judge({ storyId: "A", ...plain, ...request }, { status: "todo", inQueue: false, unmet: [], ...standing });
  const force = { force: true, bypassDependencies: true };
  const unmet = [{ storyId: "B", status: "failed" as const }];

  test.each<[StoryStatus, "queued" | "refused", "queued" | "refused"]>([
    ["todo", "queued", "queued"],
    ["pending", "queued", "queued"],
    ["queued", "queued", "queued"],
    ["blocked", "queued", "queued"],
    ["done", "refused", "refused"],
    ["cancelled", "refused", "refused"],
    ["in_progress", "refused", "refused"],
    ["failed", "refused", "queued"],
  ])("a story that is %s is %s, and by force %s", (status, plainly, byForce) => {
    expect(verdict({ status }).decision).toBe(plainly);
    expect(verdict({ status }, force).decision).toBe(byForce);
  });

  test("a refusal names the status that stands against it", () => {
    expect(verdict({ status: "done" }).reason).toBe("it is done");
    expect(verdict({ status: "in_progress" }).reason).toContain("in_progress");
  });

  test("open dependencies refuse, wait or are passed over, as was asked", () => {
    expect(verdict({ unmet })).toEqual({ decision: "refused", reason: "its dependencies are not done: B is failed" });
    expect(verdict({ unmet }, { waitForDependencies: true }).decision).toBe("waiting");
    expect(verdict({ unmet }, force).decision).toBe("queued");
    expect(verdict({ unmet }, { force: true }).decision).toBe("refused");
  });

  test("a story in the queue is not queued again", () => {
    expect(verdict({ status: "queued", inQueue: true }).decision).toBe("already_queued");
    expect(verdict({ status: "queued", inQueue: true }, force).decision).toBe("already_queued");
    expect(verdict({ status: "blocked", inQueue: true, unmet }, { waitForDependencies: true }).decision).toBe(
      "already_queued",
    );
  });
});

function storyOf(storyId: string, dependencies: string[] = []): Story {
  const place = { epicId: "E", sprintId: "S", title: "A story" };
  return { storyId, ...place, queue: "free-tier", dependencies, status: "todo" };
}

function kernelFor(stories: Story[], files: Files = runtime.files) {
  const folder = temporaryFolder();
  const paths = { state: path.join(folder, "state.json"), audit: path.join(folder, "audit.jsonl") };
  const shared = { clock: systemClock, log: silentLog };
  const ledger = new Ledger({ files, path: paths.state, ...shared, stories, state: emptyState });
  const audit = new EnqueueAudit(files, paths.audit, silentLog);
  atEnd(() => audit.close());
  const kernel = new EnqueueKernel({ ledger, audit, clock: systemClock });
  const lines = () =>
    fs
      .readFileSync(paths.audit, "utf8")
      .split("\n")
      .filter(Boolean)
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { ledger, kernel, paths, lines, enqueue: (storyId: string) => kernel.enqueue([{ storyId, ...plain }], by)[0] };
}

describe("EnqueueKernel", () => {
  test("puts a story into the queue file once, however often it is enqueued", () => {
    const { enqueue, paths } = kernelFor([storyOf("A")]);
    expect(enqueue("A")?.decision).toBe("queued");
    expect(enqueue("A")?.decision).toBe("already_queued");
    const state = JSON.parse(fs.readFileSync(paths.state, "utf8")) as { queue: { storyId: string }[] };
    expect(state.queue.map(({ storyId }) => storyId)).toEqual(["A"]);
  });

  test("writes an audit line for each enqueue, refused ones too, with who asked", () => {
    const { enqueue, lines } = kernelFor([storyOf("A")]);
    enqueue("A");
    enqueue("NONE");
    expect(lines()).toMatchObject([
      { storyId: "A", decision: "queued", by: "mark", tokenId: "AUD-1", force: false },
      { storyId: "NONE", decision: "refused", reason: "there is no such story" },
    ]);
  });

  test("has the audit line on disk before the queue changes", () => {
    const seen: number[] = [];
    const files: Files = {
      ...runtime.files,
      writeAtomic: (...args) => {
        seen.push(lines().length);
        runtime.files.writeAtomic(...args);
      },
    };
    const { enqueue, lines } = kernelFor([storyOf("A")], files);
    enqueue("A");
    expect(seen).toEqual([1]);
  });

  test("refuses, and changes nothing, when the queue file can't be written", () => {
    const files: Files = {
      ...runtime.files,
      writeAtomic: () => {
        throw new Error("ENOSPC: no space left on device");
      },
    };
    const { enqueue, ledger, lines } = kernelFor([storyOf("A")], files);
    expect(enqueue("A")).toMatchObject({ decision: "refused", reason: expect.stringContaining("ENOSPC") });
    expect(ledger.state.queue).toEqual([]);
    expect(lines().at(-1)).toMatchObject({ decision: "refused" });
  });

  test("refuses when the audit line can't be written", () => {
    const files: Files = {
      ...runtime.files,
      openAppend: (file) => ({ ...runtime.files.openAppend(file), write: () => 0 }),
    };
    const { enqueue, ledger } = kernelFor([storyOf("A")], files);
    expect(enqueue("A")?.decision).toBe("refused");
    expect(ledger.state.queue).toEqual([]);
  });

  test("writes no audit line behind half a one, after a restart either", () => {
    const file = path.join(temporaryFolder(), "audit.jsonl");
    for (const left of ["", '{"storyId":"B"}\n', '{"storyId":"B"}\n{"storyId":']) {
      fs.writeFileSync(file, left, { mode: 0o600 });
      const audit = new EnqueueAudit(runtime.files, file, silentLog);
      audit.append([{ timestamp: "", storyId: "A", decision: "queued", force: false, by: "mark" }]);
      audit.close();
      const text = fs.readFileSync(file, "utf8");
      expect(JSON.parse(text.split("\n").at(-2)!)).toMatchObject({ storyId: "A" });
      expect(text).not.toContain("\n\n");
    }
  });

  test("takes all stories of a plan or, when the queue has no room for all, none", () => {
    const stories = Array.from({ length: queueLengthMax + 1 }, (_, i) => storyOf(`S${i}`));
    const { kernel, ledger } = kernelFor(stories);
    const all = stories.map(({ storyId }) => ({ storyId, ...plain }));
    expect(kernel.enqueue(all, by).every(({ decision }) => decision === "refused")).toBe(true);
    expect(ledger.state.queue).toEqual([]);
    expect(kernel.enqueue(all.slice(1), by).every(({ decision }) => decision === "queued")).toBe(true);
    expect(kernel.enqueue(all.slice(0, 1), by)[0]?.reason).toContain("the queue is full");
  });

  test("refuses while halted", () => {
    const { enqueue, ledger } = kernelFor([storyOf("A")]);
    ledger.record({ halted: { since: "2026-01-09T08:00:00.000Z", by: "mark" } });
    expect(enqueue("A")?.reason).toContain("halted");
    ledger.record({ halted: "lifted" });
    expect(enqueue("A")?.decision).toBe("queued");
  });

  test("keeps a waiting story's place when it is enqueued past its dependencies", () => {
    const { kernel, ledger } = kernelFor([storyOf("A"), storyOf("B", ["A"]), storyOf("C")]);
    kernel.enqueue([{ storyId: "B", ...plain, waitForDependencies: true }], by);
    kernel.enqueue([{ storyId: "C", ...plain }], by);
    kernel.enqueue([{ storyId: "B", ...plain, force: true, bypassDependencies: true }], by);
    expect(ledger.state.queue.map(({ storyId }) => storyId)).toEqual(["B", "C"]);
    expect(ledger.state.stories["B"]?.status).toBe("queued");
  });
});

describe("Ledger", () => {
  test("keeps a fact that the disk refused, and writes it when the disk is well again", () => {
    let full = false;
    const files: Files = {
      ...runtime.files,
      writeAtomic: (...args) => {
        if (full) throw new Error("ENOSPC");
        runtime.files.writeAtomic(...args);
      },
    };
    const { ledger, paths } = kernelFor([storyOf("A")], files);
    ledger.commit({ transitions: [{ storyId: "A", to: "in_progress" }] });
    full = true;
    ledger.record({ transitions: [{ storyId: "A", to: "done" }] });
    expect(ledger.unwritten).toBe(true);
    expect(fs.readFileSync(paths.state, "utf8")).toContain("in_progress");
    full = false;
    ledger.flush();
    expect(ledger.unwritten).toBe(false);
    expect(fs.readFileSync(paths.state, "utf8")).toContain('"done"');
  });
});
