import type { AgentPool } from "./agents.ts";
import type { Ledger } from "./ledger.ts";
import type { PlanShelf, PlanView } from "./plan-shelf.ts";
import type { Story } from "./story.ts";
import { standInName } from "./vocabulary.ts";
import type { QueueName, StoryStatus } from "./vocabulary.ts";

/** What clients are shown of the state; camelCase, as Podium writes it. */

export interface QueueView {
  readonly storyId: string;
  readonly status: StoryStatus;
  readonly queue: QueueName;
  /** Counted from 1, waiting stories included. */
  readonly position: number;
  readonly enqueuedAt: string;
  readonly enqueuedBy: string;
  /** Dependencies that are not done, while the story is `blocked`. */
  readonly waitsFor?: readonly string[];
}

export interface Watched {
  readonly ledger: Ledger;
  readonly agents: AgentPool;
}

function queueView(ledger: Ledger): QueueView[] {
  return ledger.state.queue.flatMap(({ storyId, enqueuedAt, enqueuedBy }, i) => {
    const story = ledger.stories.get(storyId);
    if (!story) return [];
    const { status } = ledger.stateOf(story);
    const waitsFor = status === "blocked" ? ledger.unmet(story).map((dependency) => dependency.storyId) : undefined;
    return [
      { storyId, status, queue: story.queue, position: i + 1, enqueuedAt, enqueuedBy, ...(waitsFor && { waitsFor }) },
    ];
  });
}

/** The part of the state that a queue frame and the status share. */
export function workView({ ledger, agents }: Watched) {
  const running = agents.running;
  return {
    state: ledger.state.halted ? ("halted" as const) : ("running" as const),
    currentStory: running[0] ?? null,
    running,
    queue: queueView(ledger),
  };
}

function storyView(ledger: Ledger, story: Story) {
  const { storyId, title, epicId, sprintId, planId, queue, dependencies, command } = story;
  return {
    storyId,
    title,
    ...ledger.stateOf(story),
    queue,
    epicId,
    sprintId,
    ...(planId !== undefined && { planId }),
    dependencies,
    run: command ? "command" : "simulated",
  };
}

export interface StatusParts extends Watched {
  readonly shelf: PlanShelf;
  readonly facts: OrchestratorFacts;
}

/** What only the running process knows. */
export interface OrchestratorFacts {
  readonly startedAt: string;
  readonly beatMs: number;
  readonly beats: number;
  readonly lastBeat: string | null;
  readonly access: "token" | "open";
}

/** `GET /api/status`. */
export function statusView(parts: StatusParts) {
  const { ledger, agents, facts } = parts;
  const { state, ...work } = workView(parts);
  const { halted } = ledger.state;
  const plans: PlanView[] = parts.shelf.views();
  return {
    success: true,
    orchestrator: {
      name: standInName,
      standIn: true,
      state,
      ...(halted && { haltedSince: halted.since, haltedBy: halted.by }),
      ...facts,
    },
    ...work,
    stories: [...ledger.stories.values()].map((story) => storyView(ledger, story)),
    agents: agents.views,
    plans,
  };
}
