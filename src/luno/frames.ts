import type { AgentView } from "./agents.ts";
import type { QueueView } from "./views.ts";
import type { StoryStatus } from "./vocabulary.ts";

/** Telemetry frames: JSON text over the WebSocket. `timestamp` is RFC 3339 in all of them. */
export type Frame = QueueUpdate | StoryStatusFrame | AgentStatus | StoryLog | CommandResult | Pong;

export interface QueueUpdate {
  readonly type: "QUEUE_UPDATE";
  readonly state: "running" | "halted";
  readonly currentStory: string | null;
  readonly running: readonly string[];
  readonly queue: readonly QueueView[];
  readonly timestamp: string;
}

export interface StoryStatusFrame {
  readonly type: "STORY_STATUS";
  readonly storyId: string;
  /** The plan that brought the story. */
  readonly planId?: string;
  readonly status: StoryStatus;
  readonly previousStatus?: StoryStatus;
  readonly agent?: string;
  readonly message?: string;
  readonly timestamp: string;
}

export interface AgentStatus {
  readonly type: "AGENT_STATUS";
  readonly agents: readonly AgentView[];
  readonly timestamp: string;
}

export interface StoryLog {
  readonly type: "STORY_LOG";
  readonly storyId: string;
  readonly agent: string;
  readonly stream: "stdout" | "stderr";
  readonly line: string;
  readonly timestamp: string;
}

/** What became of a command. Never holds a nonce: viewers see this. */
export interface CommandResult {
  readonly type: "COMMAND_RESULT";
  readonly command: string;
  readonly success: boolean;
  readonly storyId?: string;
  readonly planId?: string;
  readonly status?: string;
  readonly message?: string;
  readonly error?: string;
  readonly timestamp: string;
}

export interface Pong {
  readonly type: "PONG";
  readonly timestamp: string;
}
