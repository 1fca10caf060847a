import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Ending, Execution, RunListener } from "./execution.ts";
import type { Ledger } from "./ledger.ts";
import type { QueueEntry } from "./state.ts";
import type { Story } from "./story.ts";
import type { QueueName, StoryStatus } from "./vocabulary.ts";
import { queueNames } from "./vocabulary.ts";

/** What clients see of an agent. */
export interface AgentView {
  readonly agentId: string;
  readonly name: string;
  readonly status: "idle" | "busy";
  readonly prefers: QueueName;
  readonly storyId?: string;
  readonly since?: string;
  /** Percent, where the run tells it. */
  readonly progress?: number;
}

interface Work {
  readonly story: Story;
  readonly since: string;
  execution?: Execution;
  progress?: number;
  /** Set when somebody stopped the run: decides how it is recorded. */
  verdict?: { readonly status: StoryStatus; readonly message: string };
  readonly ended: Promise<void>;
}

interface Agent {
  readonly agentId: string;
  readonly prefers: QueueName;
  work?: Work | undefined;
}

export interface AgentPoolOptions {
  readonly count: number;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly execute: (story: Story, agentId: string, listener: RunListener) => Execution;
  /** A line of a story's output. */
  readonly onLine: (story: Story, agentId: string, text: string, stream: "stdout" | "stderr") => void;
  readonly onAgents: () => void;
  readonly onIdle: () => void;
}

/** The agents and what they are doing. A story belongs to one agent from the write of `in_progress` to its end. */
export class AgentPool {
  readonly #options: AgentPoolOptions;
  readonly #agents: readonly Agent[];

  constructor(options: AgentPoolOptions) {
    this.#options = options;
    this.#agents = Array.from({ length: options.count }, (_, i) => ({
      agentId: `luno-agent-${i + 1}`,
      prefers: queueNames[i % queueNames.length] ?? "free-tier",
    }));
  }

  get views(): AgentView[] {
    return this.#agents.map(({ agentId, prefers, work }) => ({
      agentId,
      name: `Agent ${agentId.slice("luno-agent-".length)}`,
      status: work ? "busy" : "idle",
      prefers,
      ...(work && { storyId: work.story.storyId, since: work.since }),
      ...(work?.progress !== undefined && { progress: work.progress }),
    }));
  }

  /** Stories being run, the oldest first. */
  get running(): string[] {
    const busy = this.#agents.flatMap(({ work }) => (work ? [work] : []));
    return busy.toSorted((a, b) => (a.since < b.since ? -1 : 1)).map(({ story }) => story.storyId);
  }

  /**
   * Gives each idle agent the oldest queued story of the queue that it prefers, else the oldest of all: no queue starves
   * while an agent is idle. Throws when the start can't be written: then nothing was started.
   */
  assign(): void {
    for (const agent of this.#agents) {
      const entry = agent.work ? undefined : this.#nextFor(agent);
      const story = entry && this.#options.ledger.stories.get(entry.storyId);
      if (story) this.#begin(agent, story);
    }
  }

  /** Stops a running story and waits for its end. False when it is not running. */
  async stop(storyId: string, status: StoryStatus, message: string): Promise<boolean> {
    const work = this.#agents.find((agent) => agent.work?.story.storyId === storyId)?.work;
    if (!work) return false;
    work.verdict ??= { status, message };
    work.execution?.stop();
    await work.ended;
    return true;
  }

  /** Stops everything that runs, and waits for all of it. Returns the stories. */
  async stopAll(status: StoryStatus, message: string): Promise<string[]> {
    const stories = this.running;
    await Promise.all(stories.map((storyId) => this.stop(storyId, status, message)));
    return stories;
  }

  #nextFor(agent: Agent): QueueEntry | undefined {
    const { ledger } = this.#options;
    const ready = ledger.state.queue.filter(({ storyId }) => ledger.state.stories[storyId]?.status === "queued");
    return ready.find(({ storyId }) => ledger.stories.get(storyId)?.queue === agent.prefers) ?? ready[0];
  }

  /** `in_progress` is on disk before the command starts: after a crash nobody can take the story for a waiting one. */
  #begin(agent: Agent, story: Story): void {
    const { ledger, clock } = this.#options;
    const { storyId } = story;
    const queue = ledger.state.queue.filter((entry) => entry.storyId !== storyId);
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    const work: Work = { story, since: timestampOf(clock.now()), ended };
    agent.work = work;
    try {
      ledger.commit({ queue, transitions: [{ storyId, to: "in_progress", agent: agent.agentId }] });
    } catch (error) {
      agent.work = undefined;
      throw error;
    }
    this.#options.log.info("luno_story_started", { storyId, agent: agent.agentId });
    this.#options.onAgents();
    void this.#run(agent, work).then((ending) => {
      this.#end(agent, work, ending);
      resolve();
    });
  }

  async #run(agent: Agent, work: Work): Promise<Ending> {
    const { execute, onLine, onAgents } = this.#options;
    try {
      work.execution = execute(work.story, agent.agentId, {
        line: (text, stream) => onLine(work.story, agent.agentId, text, stream),
        progress: (percent) => {
          work.progress = percent;
          onAgents();
        },
      });
      return await work.execution.ended;
    } catch (error) {
      return { status: "failed", message: `Cannot run the story: ${messageOf(error)}` };
    }
  }

  #end(agent: Agent, work: Work, ending: Ending): void {
    const { ledger, log, onAgents, onIdle } = this.#options;
    const { storyId } = work.story;
    const { status: to, message: why } = work.verdict ?? ending;
    const message = ending.leftover === undefined ? why : `${why}; ${ending.leftover}`;
    agent.work = undefined;
    ledger.record({ transitions: [{ storyId, to, message, agent: agent.agentId }] });
    log.info("luno_story_ended", { storyId, status: to, message, agent: agent.agentId });
    onAgents();
    onIdle();
  }
}
