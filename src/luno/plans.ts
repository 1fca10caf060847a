import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Files } from "../runtime/types.ts";
import type { Caller } from "./admission.ts";
import { BadFile, badFile, readJsonFile } from "./json-file.ts";
import type { Ledger } from "./ledger.ts";
import type { AppliedPlan } from "./state.ts";
import { graphFaults } from "./story-graph.ts";
import type { PlacedStory, PlanDocument, Story } from "./story.ts";
import { countFault, flatten, planSchema, storyFileBytesMax } from "./story.ts";
import { Refusal } from "./vocabulary.ts";

/** Ten minutes to read a staged plan and confirm it; longer, and the catalogue may have moved on. */
export const nonceLifeMs = 600_000;
/** Stagings remembered, spent ones too, so that a late nonce gets a clear answer. The oldest are forgotten. */
const stagingsMax = 64;
/** Applied plans are read back at each start. */
const plansMax = 200;

interface Staging {
  readonly nonce: string;
  readonly plan: PlanDocument;
  readonly path: string;
  readonly expiresAtMs: number;
  fate: "open" | "used" | "replaced";
}

export interface Staged {
  readonly plan: PlanDocument;
  readonly stories: readonly Story[];
  readonly nonce: string;
  readonly expiresAtMs: number;
}

export interface PlanDeskOptions {
  readonly files: Files;
  /** Where people put plan files: `<planId>.json`. */
  readonly plansFolder: string;
  /** Where applied plans are kept as they were applied, whatever becomes of the file they came from. */
  readonly appliedFolder: string;
  readonly ledger: Ledger;
  readonly clock: Clock;
}

/**
 * SKOREQ plans: staged, confirmed with the nonce, applied. Stagings live in memory only: a restart forgets them, so a
 * nonce can't outlive the process that handed it out.
 */
export class PlanDesk {
  readonly #options: PlanDeskOptions;
  readonly #stagings = new Map<string, Staging>();

  constructor(options: PlanDeskOptions) {
    this.#options = options;
  }

  /** Reads and checks a plan and hands out its nonce; an earlier nonce of the plan is void. @throws Refusal */
  prepare(planId: string): Staged {
    if (this.#applied(planId)) throw new Refusal(`Cannot prepare ${planId}: it is applied already`);
    const path = this.pathOf(planId);
    if (!this.#options.files.stat(path)) throw new Refusal(`Cannot prepare ${planId}: there is no plan file ${path}`);
    const plan = this.#read(planId, path);
    const stories = this.#checked(plan, path, "prepare").map(({ story }) => story);
    for (const staging of this.#stagings.values()) {
      if (staging.plan.planId === planId && staging.fate === "open") staging.fate = "replaced";
    }
    const expiresAtMs = this.#options.clock.now() + nonceLifeMs;
    const nonce = newNonce();
    this.#stagings.set(nonce, { nonce, plan, path, expiresAtMs, fate: "open" });
    this.#forgetOldest();
    return { plan, stories, nonce, expiresAtMs };
  }

  /**
   * Adds the staged plan's stories to the orchestrator, as `todo`. The plan's file is written before the state that
   * names it: after a crash in between, the plan is not applied and the file is overwritten by the next attempt.
   * @throws Refusal
   */
  apply(planId: string, nonce: string | undefined, by: Caller): AppliedPlan {
    const staging = this.#open(planId, nonce);
    const { files, appliedFolder, ledger, clock } = this.#options;
    const stories = this.#checked(staging.plan, staging.path, "apply").map(({ story }) => story);
    if (ledger.state.plans.length >= plansMax)
      throw new Refusal(`Cannot apply ${planId}: ${plansMax} plans are applied`);
    const ids = stories.map(({ storyId }) => storyId);
    const plan: AppliedPlan = {
      planId,
      title: staging.plan.title,
      appliedAt: timestampOf(clock.now()),
      appliedBy: by.name,
      stories: ids,
    };
    try {
      files.writeAtomic(`${appliedFolder}/${planId}.json`, `${JSON.stringify(staging.plan, null, 2)}\n`, 0o600);
      ledger.commit({ plan, transitions: ids.map((storyId) => ({ storyId, to: "todo" })) }, stories);
    } catch (error) {
      throw new Refusal(`Cannot apply ${planId}: it can't be written (${messageOf(error)})`);
    }
    staging.fate = "used";
    return plan;
  }

  /** The applied plan's stories. @throws Refusal when it is not applied */
  storiesOf(planId: string): readonly string[] {
    const plan = this.#applied(planId);
    if (plan) return plan.stories;
    throw new Refusal(`Cannot enqueue plan ${planId}: it is not applied; prepare it and apply it with the nonce first`);
  }

  isStaged(planId: string): boolean {
    const now = this.#options.clock.now();
    return [...this.#stagings.values()].some(
      ({ plan, fate, expiresAtMs }) => plan.planId === planId && fate === "open" && expiresAtMs > now,
    );
  }

  pathOf(planId: string): string {
    return `${this.#options.plansFolder}/${planId}.json`;
  }

  #applied(planId: string): AppliedPlan | undefined {
    return this.#options.ledger.state.plans.find((plan) => plan.planId === planId);
  }

  #read(planId: string, path: string): PlanDocument {
    try {
      const plan = readPlan(this.#options.files, path);
      if (plan.planId === planId) return plan;
      throw badFile(path, [{ pointer: "/planId", detail: `Expected ${planId}, as the file is named` }]);
    } catch (error) {
      if (error instanceof BadFile) throw new Refusal(`Cannot prepare ${planId}: ${error.message}`);
      throw error;
    }
  }

  /** Checked at both steps: another plan may have been applied in between. */
  #checked(plan: PlanDocument, path: string, step: "prepare" | "apply"): PlacedStory[] {
    const present = this.#options.ledger.stories;
    const placed = flatten(plan.epics, plan.planId);
    const empty = placed.length === 0 ? [{ pointer: "/epics", detail: "The plan has no story" }] : [];
    const faults = [...empty, ...countFault(present.size + placed.length), ...graphFaults(placed, present)];
    if (faults.length > 0) throw new Refusal(`Cannot ${step} ${plan.planId}: ${badFile(path, faults).message}`);
    return placed;
  }

  #open(planId: string, nonce: string | undefined): Staging {
    const refuse = (why: string): never => {
      throw new Refusal(`Cannot apply ${planId}: ${why}`);
    };
    if (!nonce) return refuse("a nonce is needed; prepare-apply hands it out");
    const staging = this.#stagings.get(nonce);
    if (!staging) return refuse("this nonce is not known; prepare the plan again");
    if (staging.plan.planId !== planId) return refuse("this nonce belongs to another plan");
    if (staging.fate === "used") return refuse("this nonce was used already");
    if (staging.fate === "replaced") return refuse("a newer prepare-apply has replaced this nonce");
    if (staging.expiresAtMs <= this.#options.clock.now())
      return refuse("this nonce has expired; prepare the plan again");
    return staging;
  }

  #forgetOldest(): void {
    for (const nonce of this.#stagings.keys()) {
      if (this.#stagings.size <= stagingsMax) return;
      this.#stagings.delete(nonce);
    }
  }
}

/** @throws BadFile */
export function readPlan(files: Files, path: string): PlanDocument {
  return readJsonFile(files, path, storyFileBytesMax, planSchema);
}

/** The stories of plans applied in earlier runs. @throws BadFile */
export function loadApplied(files: Files, appliedFolder: string, plans: readonly AppliedPlan[]): Story[] {
  return plans.flatMap(({ planId }) =>
    flatten(readPlan(files, `${appliedFolder}/${planId}.json`).epics, planId).map(({ story }) => story),
  );
}

/** 128 random bits as hex: nobody guesses it within its ten minutes. */
function newNonce(): string {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}
