/** What the orchestrator says is there, as far as its words could be read. */

export interface Story {
  readonly id: string;
  readonly title?: string;
  /** The orchestrator's own word. */
  readonly status?: string;
  readonly queue?: string;
  readonly planId?: string;
  readonly agent?: string;
  readonly message?: string;
  readonly dependencies: readonly string[];
}

export interface QueueEntry {
  readonly id: string;
  readonly status?: string;
  readonly queue?: string;
  readonly since?: string;
  readonly waitsFor: readonly string[];
}

export interface Agent {
  readonly id: string;
  readonly name?: string;
  readonly status?: string;
  readonly storyId?: string;
  readonly since?: string;
  /** Percent. */
  readonly progress?: number;
}

export interface Plan {
  readonly id: string;
  readonly title?: string;
  readonly status?: string;
  readonly error?: string;
  readonly stories: readonly string[];
}

/** What the orchestrator tells of the halt that it is in. */
export interface HaltFacts {
  /** RFC 3339. */
  readonly since?: string;
  /** Its own name for who did it. */
  readonly by?: string;
}

export interface Work {
  /** The orchestrator's own word for itself, such as `running` or `halted`. */
  readonly state?: string;
  readonly halt: HaltFacts;
  readonly running: readonly string[];
  readonly queue: readonly QueueEntry[];
  readonly stories: ReadonlyMap<string, Story>;
  readonly agents: readonly Agent[];
  readonly plans: readonly Plan[];
  /** Parts that Podium has named at all: what it never names is not empty, but unknown. */
  readonly known: ReadonlySet<Part>;
  /** Those that a status answer has named. */
  readonly byStatus: ReadonlySet<Part>;
}

/** What one message told; parts that it did not mention are absent. */
export type Told = { readonly [K in Exclude<keyof Work, "known" | "byStatus">]?: Work[K] };
export type Part = keyof Told;

export const nothingKnown: Work = {
  halt: {},
  running: [],
  queue: [],
  stories: new Map(),
  agents: [],
  plans: [],
  known: new Set(),
  byStatus: new Set(),
};

/**
 * A whole status answer replaces what was known. A part that it leaves out is empty when status answers do name it, and
 * as the telemetry told it when they never do.
 */
export function workOf(told: Told, before: Work = nothingKnown): Work {
  const named = Object.keys(told) as Part[];
  const byStatus = new Set([...before.byStatus, ...named]);
  const known = new Set([...before.known, ...named]);
  const emptied = Object.fromEntries([...byStatus].map((part) => [part, nothingKnown[part]]));
  return withStrangers({ ...before, ...emptied, ...told, known, byStatus });
}

/** A telemetry frame changes what it mentions and nothing else. */
export function workAfter(work: Work, told: Told): Work {
  const stories = told.stories ? new Map([...work.stories, ...told.stories]) : work.stories;
  const known = new Set([...work.known, ...(Object.keys(told) as Part[])]);
  // What was told of an earlier halt says nothing of this one.
  const halt = told.state === undefined || told.state === work.state ? work.halt : {};
  return withStrangers({ ...work, halt, ...told, stories, known });
}

/** As many as are read of one status answer; a page that is open for weeks hears of more. */
const storiesMax = 5_000;

/** A story's newest word. */
export function storyAfter(work: Work, id: string, news: { readonly [K in keyof Story]?: Story[K] | undefined }): Work {
  const known = work.stories.get(id) ?? { id, dependencies: [] };
  const told = Object.fromEntries(Object.entries(news).filter(([, value]) => value !== undefined));
  const stories = new Map(work.stories).set(id, { ...known, ...told });
  if (stories.size > storiesMax) stories.delete(stories.keys().next().value!);
  return { ...work, stories };
}

/** More than work at once on one machine. Agents that are made for one story each would else grow in number for ever. */
const agentsMax = 200;

/** An agent's newest word. When there are too many, the one that was heard of first goes; before all, one without a story. */
export function agentAfter(work: Work, agent: Agent): Work {
  const known = work.agents.findIndex(({ id }) => id === agent.id);
  if (known !== -1) return { ...work, agents: work.agents.with(known, agent) };
  const agents = [...work.agents, agent];
  if (agents.length <= agentsMax) return { ...work, agents };
  const idle = agents.findIndex(({ storyId }) => storyId === undefined);
  return { ...work, agents: agents.toSpliced(Math.max(0, idle), 1) };
}

/** What stands in the queue or runs is a story too, even where no catalogue names it. Its newest word is the queue's. */
function withStrangers(work: Work): Work {
  const stories = new Map(work.stories);
  let changed = false;
  const learn = (id: string, status: string | undefined): void => {
    const known = stories.get(id);
    if (known && (status === undefined || known.status === status)) return;
    stories.set(id, { dependencies: [], ...known, id, ...(status !== undefined && { status }) });
    changed = true;
  };
  for (const { id, status } of work.queue) learn(id, status);
  for (const id of work.running) learn(id, undefined);
  return changed ? { ...work, stories } : work;
}

export function isHalted({ state }: { readonly state?: string | undefined }): boolean {
  return state !== undefined && /halt|stopped|paused/i.test(state);
}

/** Words for a story that waits or runs: those that can be cancelled. */
export function isUnderWay(status: string | undefined): boolean {
  return status === "queued" || status === "in_progress" || status === "blocked" || status === "running";
}
