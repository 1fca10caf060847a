import type { StreamFrame } from "../api/stream.ts";
import { fieldsOf, firstText, numberOf, textOf } from "../api/json.ts";
import type { ConnectionFacts } from "./connection.ts";
import { factsAfterUpstream } from "./connection.ts";
import type { Job } from "./jobs.ts";
import { jobsAfterWord } from "./jobs.ts";
import { agentOf, readPodium } from "./read-podium.ts";
import type { Agent, Work } from "./work.ts";
import { storyAfter, workAfter, workOf } from "./work.ts";

/** The part of the page's state that telemetry changes. */
export interface Told {
  readonly facts: ConnectionFacts;
  readonly work: Work;
  readonly jobs: readonly Job[];
  /** When each of Podium's words about a job was heard, by job id. */
  readonly heard: ReadonlyMap<string, ReadonlyMap<string, string>>;
}

/** Jobs whose words are remembered; as many as are listed. */
const heardMax = 200;

export function afterFrame(told: Told, frame: StreamFrame): Told {
  const { type, fields, at } = frame;
  if (type === "GATEWAY_STATUS") return { ...told, facts: factsAfterStatus(told.facts, frame) };
  if (type === "GAP") {
    const from = textOf(fields["from"]);
    const gap = { ...(from !== undefined && { from }), to: textOf(fields["to"]) ?? at };
    return { ...told, facts: { ...told.facts, gap } };
  }
  if (type === "SNAPSHOT") return { ...told, work: workOf(readPodium(fields["podium"]), told.work) };
  if (type === "AGENT_STATUS") return { ...told, work: afterAgents(told.work, frame) };
  const storyId = firstText(fields, "storyId", "story_id");
  const status = firstText(fields, "status");
  if (storyId === undefined) return { ...told, work: workAfter(told.work, readPodium(fields)) };
  // A command's answer and a story's output name a story too; only its own status frames tell how it stands.
  if (status === undefined || type !== "STORY_STATUS") return told;
  return afterStoryWord(told, storyId, status, frame);
}

function afterStoryWord(told: Told, storyId: string, status: string, { fields, at }: StreamFrame): Told {
  const message = textOf(fields["message"]);
  const agent = textOf(fields["agent"]);
  const news = { status, ...(message !== undefined && { message }), ...(agent !== undefined && { agent }) };
  const job = told.jobs.find((one) => one.storyId === storyId && at >= one.createdAt);
  return {
    ...told,
    work: storyAfter(told.work, storyId, news),
    jobs: jobsAfterWord(told.jobs, storyId, status, at, message),
    heard: job ? heardAfter(told.heard, job.jobId, status, at) : told.heard,
  };
}

function heardAfter(heard: Told["heard"], jobId: string, word: string, at: string): Told["heard"] {
  const words = new Map(heard.get(jobId));
  if (!words.has(word)) words.set(word, at);
  const all = new Map(heard).set(jobId, words);
  if (all.size > heardMax) all.delete(all.keys().next().value!);
  return all;
}

function factsAfterStatus(facts: ConnectionFacts, { fields, at }: StreamFrame): ConnectionFacts {
  if (fields["warning"] === "slow_client") return { ...facts, behind: true };
  const ignored = Object.values(fieldsOf(fields["ignored"])).reduce<number>((sum, n) => sum + (numberOf(n) ?? 0), 0);
  const word = firstText(fields, "podium");
  if (word !== "connected" && word !== "connecting" && word !== "disconnected") return facts;
  return { ...factsAfterUpstream(facts, word, at), behind: false, ignored };
}

/** All agents at once, or one that has changed. */
function afterAgents(work: Work, { fields }: StreamFrame): Work {
  const { agents } = readPodium(fields);
  if (agents !== undefined) return workAfter(work, { agents });
  const id = firstText(fields, "agentId", "agent_id", "id");
  if (id === undefined) return work;
  const agent: Agent = agentOf(id, fields);
  const known = work.agents.findIndex((one) => one.id === id);
  return { ...work, agents: known === -1 ? [...work.agents, agent] : work.agents.with(known, agent) };
}
