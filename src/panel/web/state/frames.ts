import type { StreamFrame } from "../api/stream.ts";
import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, numberOf, textOf } from "../api/json.ts";
import type { ConnectionFacts } from "./connection.ts";
import { factsAfterUpstream } from "./connection.ts";
import type { Job, StoryWord } from "./jobs.ts";
import { jobMeant, jobsAfterWord } from "./jobs.ts";
import { agentOf, readPodium } from "./read-podium.ts";
import type { Work } from "./work.ts";
import { agentAfter, storyAfter, workAfter, workOf } from "./work.ts";

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

export function afterFrame(before: Told, frame: StreamFrame): Told {
  const { type, fields, at } = frame;
  if (type === "GATEWAY_STATUS") return { ...before, facts: factsAfterStatus(before.facts, frame) };
  if (type === "GAP") {
    const from = textOf(fields["from"]);
    const gap = { ...(from !== undefined && { from }), to: textOf(fields["to"]) ?? at };
    return { ...before, facts: { ...before.facts, gap } };
  }
  if (type === "SNAPSHOT") return afterSnapshot(before, fields);
  if (type === "AGENT_STATUS") return { ...before, work: afterAgents(before.work, frame) };
  const told = wordIn(frame);
  if (told !== undefined) return afterStoryWord(before, told, textOf(fields["agent"]));
  // A command's answer and a story's output name a story too; only its own status frames tell how it stands.
  if (storyIdIn(fields) !== undefined) return before;
  return { ...before, work: workAfter(before.work, readPodium(fields)) };
}

/** Where Podium can't be asked its part is null: then nothing has been said, and what was known is from before. */
function afterSnapshot(before: Told, { podium, detail }: Fields): Told {
  if (typeof podium === "object" && podium !== null) {
    return { ...before, work: workOf(readPodium(podium), before.work) };
  }
  return { ...before, facts: { ...before.facts, podium: "failed", podiumDetail: textOf(detail) ?? "" } };
}

const storyIdIn = (fields: Fields): string | undefined => firstText(fields, "storyId", "story_id");

/** What a frame says of a story; undefined when it says nothing of one. */
export function wordIn({ type, fields, at }: StreamFrame): StoryWord | undefined {
  const [storyId, word, message] = [storyIdIn(fields), firstText(fields, "status"), textOf(fields["message"])];
  if (type !== "STORY_STATUS" || storyId === undefined || word === undefined) return undefined;
  return { storyId, word, at, ...(message !== undefined && { message }) };
}

function afterStoryWord(before: Told, told: StoryWord, agent: string | undefined): Told {
  const { storyId, word, at, message } = told;
  const job = jobMeant(before.jobs, told);
  return {
    ...before,
    work: storyAfter(before.work, storyId, { status: word, message, agent }),
    jobs: jobsAfterWord(before.jobs, told),
    heard: job ? heardAfter(before.heard, job.jobId, word, at) : before.heard,
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
  return agentAfter(work, agentOf(id, fields));
}
