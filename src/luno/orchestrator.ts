import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import type { Log } from "../lib/log.ts";
import { withoutSecrets } from "../lib/without-secrets.ts";
import type { Runtime } from "../runtime/types.ts";
import { AgentPool } from "./agents.ts";
import { runCommand } from "./command-run.ts";
import { Conductor } from "./conductor.ts";
import type { EnqueueAudit } from "./enqueue-audit.ts";
import type { Execution, RunListener } from "./execution.ts";
import type { Folder } from "./folder.ts";
import { EnqueueKernel } from "./kernel.ts";
import type { Ledger } from "./ledger.ts";
import { LogRing } from "./log-ring.ts";
import { PlanShelf } from "./plan-shelf.ts";
import { PlanDesk } from "./plans.ts";
import { simulateRun } from "./simulated-run.ts";
import type { Moved } from "./state.ts";
import type { Story } from "./story.ts";
import { Telemetry } from "./telemetry.ts";
import type { OrchestratorFacts } from "./views.ts";
import { workView } from "./views.ts";

export interface OrchestratorOptions {
  readonly runtime: Pick<Runtime, "files" | "process">;
  readonly folder: Folder;
  readonly ledger: Ledger;
  readonly audit: EnqueueAudit;
  readonly clock: Clock;
  readonly log: Log;
  /** Milliseconds between beats. */
  readonly beatMs: number;
  /** Milliseconds of a simulated run. */
  readonly runMs: number;
  /** How many agents. */
  readonly agents: number;
  readonly access: OrchestratorFacts["access"];
}

/** All parts of the orchestrator, wired; the HTTP side and the start work on these. */
export interface Orchestrator {
  readonly ledger: Ledger;
  readonly kernel: EnqueueKernel;
  readonly agents: AgentPool;
  readonly conductor: Conductor;
  readonly plans: PlanDesk;
  readonly shelf: PlanShelf;
  readonly telemetry: Telemetry;
  readonly logs: LogRing;
  readonly clock: Clock;
  readonly log: Log;
  readonly startedAtMs: number;
  facts(): OrchestratorFacts;
  now(): string;
}

export function createOrchestrator(options: OrchestratorOptions): Orchestrator {
  const { ledger, clock, log, folder, runtime } = options;
  const now = (): string => timestampOf(clock.now());
  const startedAtMs = clock.now();
  const telemetry = new Telemetry();
  const logs = new LogRing();
  const agents: AgentPool = new AgentPool({
    count: options.agents,
    ledger,
    clock,
    log,
    execute: (story, agentId, listener) => execute(options, story, agentId, listener),
    onLine: (story, agent, line, stream) => {
      const about = { storyId: story.storyId, agent, timestamp: now() };
      logs.add({ level: stream === "stderr" ? "warn" : "info", message: line, ...about });
      telemetry.publish({ type: "STORY_LOG", stream, line, ...about });
    },
    onAgents: () => telemetry.publish({ type: "AGENT_STATUS", agents: agents.views, timestamp: now() }),
    onIdle: () => conductor.beatSoon(),
  });
  const conductor = new Conductor({ ledger, agents, clock, log, beatMs: options.beatMs });
  const plans = new PlanDesk({ ...folder, files: runtime.files, ledger, clock });
  const shelf = new PlanShelf(runtime.files, folder.plansFolder, ledger, plans);
  const kernel = new EnqueueKernel({ ledger, audit: options.audit, clock });
  const facts = (): OrchestratorFacts => ({
    startedAt: timestampOf(startedAtMs),
    beatMs: options.beatMs,
    beats: conductor.beats,
    lastBeat: conductor.lastBeatMs === undefined ? null : timestampOf(conductor.lastBeatMs),
    access: options.access,
  });
  const orchestrator: Orchestrator = {
    ledger,
    kernel,
    agents,
    conductor,
    plans,
    shelf,
    telemetry,
    logs,
    clock,
    log,
    startedAtMs,
    facts,
    now,
  };
  ledger.onChange((moved) => announce(orchestrator, moved));
  return orchestrator;
}

/** Every change of the ledger, and nothing else, becomes telemetry here. */
function announce(orchestrator: Orchestrator, moved: readonly Moved[]): void {
  const { telemetry, logs, ledger, now } = orchestrator;
  for (const { to, ...rest } of moved) {
    const planId = ledger.stories.get(rest.storyId)?.planId;
    telemetry.publish({ type: "STORY_STATUS", ...rest, ...(planId !== undefined && { planId }), status: to });
    const { storyId, agent, message, timestamp } = rest;
    const words = `${storyId} is ${to}${message === undefined ? "" : `: ${message}`}`;
    logs.add({
      timestamp,
      level: to === "failed" ? "error" : "info",
      message: words,
      storyId,
      ...(agent && { agent }),
    });
  }
  telemetry.publish({ type: "QUEUE_UPDATE", ...workView(orchestrator), timestamp: now() });
}

function execute(options: OrchestratorOptions, story: Story, agentId: string, listener: RunListener): Execution {
  const { runtime, folder, runMs, clock } = options;
  if (!story.command) return simulateRun(runMs, listener);
  // A story is code that somebody else may have planned.
  const env = { ...withoutSecrets(runtime.process.env), LUNO_STORY_ID: story.storyId, LUNO_AGENT_ID: agentId };
  return runCommand({ process: runtime.process, command: story.command, cwd: folder.root, env, listener, clock });
}
