import { messageOf } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import { idPattern } from "../wire/dispatch.ts";
import type { Ledger } from "./ledger.ts";
import type { PlanDesk } from "./plans.ts";
import { readPlan } from "./plans.ts";
import type { AppliedPlan } from "./state.ts";
import { flatten } from "./story.ts";

/** Plan files shown that are not applied; further ones can still be prepared by name. */
const filesShownMax = 100;

export interface PlanView {
  readonly planId: string;
  readonly title: string;
  /** `available` and `invalid` are files only; `running`: at least one story is queued, waiting or in progress. */
  readonly status: "available" | "invalid" | "staged" | "applied" | "running" | "done";
  readonly stories: readonly string[];
  readonly error?: string;
}

interface Read {
  readonly modifiedMs: number;
  readonly view: Omit<PlanView, "planId">;
}

/** All plans there are, for people to choose from: those applied, and the files in the plans folder. */
export class PlanShelf {
  readonly #files: Files;
  readonly #folder: string;
  readonly #ledger: Ledger;
  readonly #desk: PlanDesk;
  /** Files as last read; a file is read again when its time changes. */
  #read = new Map<string, Read>();

  constructor(files: Files, folder: string, ledger: Ledger, desk: PlanDesk) {
    this.#files = files;
    this.#folder = folder;
    this.#ledger = ledger;
    this.#desk = desk;
  }

  views(): PlanView[] {
    const applied = this.#ledger.state.plans.map((plan) => this.#appliedView(plan));
    const taken = new Set(applied.map(({ planId }) => planId));
    return [
      ...applied,
      ...this.#planIds()
        .filter((id) => !taken.has(id))
        .map((id) => this.#fileView(id)),
    ];
  }

  #appliedView({ planId, title, stories }: AppliedPlan): PlanView {
    const queued = new Set(this.#ledger.state.queue.map(({ storyId }) => storyId));
    const statuses = stories.map((id) => this.#ledger.state.stories[id]?.status ?? "todo");
    const isRunning = statuses.includes("in_progress") || stories.some((id) => queued.has(id));
    const isDone = statuses.every((status) => status === "done");
    return { planId, title, status: isRunning ? "running" : isDone ? "done" : "applied", stories };
  }

  #planIds(): string[] {
    return this.#names()
      .filter((name) => name.endsWith(".json"))
      .map((name) => name.slice(0, -".json".length))
      .filter((id) => idPattern.test(id))
      .slice(0, filesShownMax);
  }

  /** Somebody may take the folder away while we run: then there are no plan files, and the status still answers. */
  #names(): string[] {
    try {
      return this.#files.list(this.#folder);
    } catch {
      return [];
    }
  }

  #fileView(planId: string): PlanView {
    const path = this.#desk.pathOf(planId);
    const modifiedMs = this.#files.stat(path)?.modifiedMs ?? 0;
    const known = this.#read.get(planId);
    const view = known?.modifiedMs === modifiedMs ? known.view : this.#readFile(path);
    if (this.#read.size > 2 * filesShownMax) this.#read = new Map();
    this.#read.set(planId, { modifiedMs, view });
    return { planId, ...view, ...(this.#desk.isStaged(planId) && { status: "staged" as const }) };
  }

  #readFile(path: string): Read["view"] {
    try {
      const plan = readPlan(this.#files, path);
      const stories = flatten(plan.epics).map(({ story }) => story.storyId);
      return { title: plan.title, status: "available", stories };
    } catch (error) {
      return { title: "", status: "invalid", stories: [], error: messageOf(error) };
    }
  }
}
