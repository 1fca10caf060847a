import { z } from "zod";
import type { Action, Command } from "./dispatch.ts";

/**
 * Podium's side of the wire. Everything that is only assumed of Podium stands here and in the configuration
 * (`podium.routes`), nowhere else.
 */

/**
 * `{story_id}`, `{plan_id}` and `{nonce}` are filled in: as the whole value of a key of `body`, which is dropped when there
 * is none, and anywhere in `path`, percent-encoded (what may stand where, {@link routeMistake} says).
 */
export const routeSchema = z.strictObject({
  method: z.enum(["GET", "POST"]),
  path: z.string().regex(/^\/[\x21-\x7e]*$/, "Expected a path that starts with '/'"),
  body: z.record(z.string(), z.union([z.string(), z.boolean(), z.number()])).optional(),
});
export type Route = z.infer<typeof routeSchema>;

export const defaultRoutes: Readonly<Record<Action, Route>> = {
  enqueue_story: {
    method: "POST",
    path: "/api/command",
    body: { type: "ENQUEUE_STORY", storyId: "{story_id}" },
  },
  cancel_story: {
    method: "POST",
    path: "/api/command",
    body: { type: "CANCEL_STORY", storyId: "{story_id}" },
  },
  prepare_apply: {
    method: "POST",
    path: "/api/governance/skoreq/prepare-apply",
    body: { planId: "{plan_id}" },
  },
  apply_plan: {
    method: "POST",
    path: "/api/governance/skoreq/apply",
    body: { planId: "{plan_id}", nonce: "{nonce}" },
  },
  enqueue_plan: {
    method: "POST",
    path: "/api/governance/skoreq/enqueue",
    body: { planId: "{plan_id}", nonce: "{nonce}" },
  },
  halt: { method: "POST", path: "/api/command", body: { type: "HALT" } },
  status: { method: "GET", path: "/api/status" },
};

/** One request to Podium, ready to send. `body` is JSON text. */
export interface PodiumRequest {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly body?: string;
  /** Beside those that every request has. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Fills a route with a command; options stand beside the ids and never replace them. */
export function fillRoute(route: Route, command: Command): PodiumRequest {
  const path = route.path.replaceAll(placeholder, (template) => encodeURIComponent(String(fill(template, command))));
  if (route.method === "GET") return { method: "GET", path };
  const body: Record<string, unknown> = { ...command.options };
  for (const key in route.body) {
    const value = fill(route.body[key]!, command);
    if (value === undefined) delete body[key];
    else body[key] = value;
  }
  return { method: "POST", path, body: JSON.stringify(body) };
}

const placeholder = /\{(?:story_id|plan_id|nonce)\}/g;

/** What each action's commands always have: a path can't do without. */
const always: Readonly<Record<Action, readonly string[]>> = {
  enqueue_story: ["{story_id}"],
  cancel_story: ["{story_id}"],
  prepare_apply: ["{plan_id}"],
  apply_plan: ["{plan_id}", "{nonce}"],
  enqueue_plan: ["{plan_id}"],
  halt: [],
  status: [],
};

/** And what they may have: a key of the body is dropped without it. */
const sometimes: Readonly<Partial<Record<Action, readonly string[]>>> = { enqueue_plan: ["{nonce}"] };

/** What is wrong with an action's route, in words; undefined when all of it will be sent, each placeholder filled. */
export function routeMistake(action: Action, route: Route): string | undefined {
  if (route.method === "GET" && route.body !== undefined) return "Expected no body: none is sent with GET";
  return pathMistake(action, route) ?? bodyMistake(action, route);
}

function pathMistake(action: Action, { path }: Route): string | undefined {
  const braces = path.match(/\{[^{}]*\}?|\}/g) ?? [];
  if (braces.every((brace) => always[action].includes(brace))) {
    // A nonce may be "..", however it is encoded: that would name another address than the one on record.
    const isDotted = /\/(?:\.|\{nonce\})+(?:[/?#]|$)/.test(path);
    return isDotted ? "Expected {nonce} in the query, or beside other characters between two slashes" : undefined;
  }
  const known = always[action].join(" and ");
  return `Expected a path with ${known === "" ? "no braces" : `no braces but ${known}`}: nothing else is filled in`;
}

/** A word in braces wants to be filled in; other braces, such as those of JSON in a text, are just text. */
function bodyMistake(action: Action, { body = {} }: Route): string | undefined {
  const known = [...always[action], ...(sometimes[action] ?? [])];
  const isMeant = (value: unknown): boolean => typeof value === "string" && /\{\s*[\w-]+\s*\}/.test(value);
  if (Object.values(body).every((value) => !isMeant(value) || known.includes(String(value)))) return undefined;
  const but = known.length === 0 ? "" : ` but ${known.join(" and ")}, alone in its value`;
  return `Expected a body with no word in braces${but}: nothing else is filled in`;
}

function fill(template: string | number | boolean, command: Command): unknown {
  if (template === "{story_id}") return command.story_id;
  if (template === "{plan_id}") return command.plan_id;
  if (template === "{nonce}") return command.nonce;
  return template;
}

/** Characters of a fixed token that can be told from ordinary words: of a shorter one, `dev`, an answer may be full. */
export const tokenLengthMin = 8;

/** Any answer may say no under status 200: `{"success": false, "error": "..."}`. */
export function isRefusal(answer: unknown): boolean {
  return typeof answer === "object" && answer !== null && "success" in answer && answer.success === false;
}

/** What we read of a telemetry frame; everything else passes by untouched. */
export interface FrameFacts {
  readonly type: string;
  readonly storyId?: string;
  readonly planId?: string;
  /** Podium's word for the story or plan that is named. */
  readonly status?: string;
}

/**
 * Types of frames whose `status` is that of a story or a plan; the second is assumed. In any other it may be the word for
 * something else that only names the story: an agent (`AGENT_STATUS`), a command, a check. The list is closed because a word too
 * many is worse than one too few: an end that is none stays on record, and one that was not told may still be asked for.
 */
const statusTypes: ReadonlySet<unknown> = new Set(["STORY_STATUS", "PLAN_STATUS"]);

/** Whether the `status` of a frame of this type is a story's or a plan's. */
export function tellsStatus(type: unknown): boolean {
  return statusTypes.has(type);
}

/** Longest word that is read: Podium's ids have at most 128 characters. */
const wordLengthMax = 128;

/**
 * Reads a frame defensively: undefined when it is not a JSON object with a `type`. Never throws. By hand and not by a
 * schema: this is done for each frame that Podium sends, and a schema costs eight times the parsing.
 */
export function readFrame(text: string): FrameFacts | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { type, storyId, planId, status } = value as Record<string, unknown>;
  if (!isWord(type)) return undefined;
  return {
    type,
    ...(isWord(storyId) && { storyId }),
    ...(isWord(planId) && { planId }),
    ...(tellsStatus(type) && isWord(status) && { status }),
  };
}

function isWord(value: unknown): value is string {
  return typeof value === "string" && value.length <= wordLengthMax;
}

/**
 * Podium's words (PODIUM vocabulary) for a story that is being executed, for one that has ended, be it in an earlier run,
 * and for one that is as it was.
 */
const startedWords: ReadonlySet<unknown> = new Set(["queued", "in_progress"]);
const endedWords: ReadonlySet<unknown> = new Set(["done", "failed", "cancelled"]);
const untouchedWords: ReadonlySet<unknown> = new Set(["todo", "pending", "blocked"]);

/** Nodes of a status answer that are looked at: its shape is unknown, its size is bounded, so is our patience. */
const nodesMax = 100_000;

/** Whether Podium's word means that a story has ended. */
export function isEndedWord(word: string): boolean {
  return endedWords.has(word);
}

/** Whether Podium's word means that it has taken a story up. */
export function isStartedWord(word: string): boolean {
  return startedWords.has(word);
}

/** Keys under which Podium names what it is busy with, by its id alone or as an object. */
const busyKeys: ReadonlySet<string> = new Set([
  "currentStory",
  "queue",
  "running",
  "active",
  "in_progress",
  "inProgress",
]);

/** Names of Podium's queues: under such a key of a busy place lies what waits in that queue. */
const queueNames: ReadonlySet<string> = new Set(["free-tier", "paid-tier", "special"]);

/** What all places of a status answer together say of one story or plan. */
export interface StatusFacts {
  /** A word says that it is being executed, or it stands where Podium lists what it is busy with. */
  isStarted: boolean;
  /** It stands where Podium lists what it is busy with, whatever its word. */
  isListed: boolean;
  /** A word says that it is as it was. */
  isUntouched: boolean;
  /** Whatever stands as its `status`. */
  readonly words: Set<string>;
  /** Of a story, the plans that it is said to be of. */
  readonly plans: Set<string>;
  /** The plan of which the very place that says "started" says that the story is. */
  startedFor?: string;
}

/**
 * What a status answer of unknown shape says, by the id of a story or a plan: any object that names it (`storyId`, `id`, or
 * `planId` where there is no `storyId`), or a place that lists what Podium is busy with.
 * `isWhole` is false when the answer was too large to be looked through.
 */
export function statusFacts(json: string): {
  readonly told: ReadonlyMap<string, StatusFacts>;
  readonly isWhole: boolean;
} {
  const told = new Map<string, StatusFacts>();
  const learn = (name: unknown, isStarted: boolean, busy: boolean, word?: unknown): void => {
    if (!isWord(name)) return;
    const facts = told.get(name) ?? {
      isStarted: false,
      isListed: false,
      isUntouched: false,
      words: new Set(),
      plans: new Set(),
    };
    told.set(name, facts);
    facts.isStarted ||= isStarted;
    facts.isListed ||= busy;
    facts.isUntouched ||= untouchedWords.has(word);
    if (isWord(word)) facts.words.add(word);
  };
  const rest: { readonly node: unknown; readonly busy: boolean; readonly listed: boolean }[] = [
    { node: JSON.parse(json), busy: false, listed: false },
  ];
  for (let seen = 0; rest.length > 0; seen++) {
    if (seen >= nodesMax) return { told, isWhole: false };
    const { node, busy, listed } = rest.pop()!;
    if (busy || (listed && typeof node === "string")) learn(node, busy, true);
    if (typeof node !== "object" || node === null) continue;
    const { storyId, id, planId, status } = node as Record<string, unknown>;
    const isIdle = untouchedWords.has(status) || endedWords.has(status);
    const isStarted = startedWords.has(status) || (busy && !isIdle);
    for (const name of new Set([storyId, id, storyId === undefined ? planId : undefined]))
      learn(name, isStarted, busy || listed, status);
    // Under an `id` alone an agent or a run may name the plan, too.
    if (isWord(storyId) && isWord(planId)) {
      const facts = told.get(storyId)!;
      facts.plans.add(planId);
      if (isStarted) facts.startedFor = planId;
    }
    const isList = Array.isArray(node);
    for (const [key, child] of Object.entries(node)) {
      // Only the lists and objects right under such a key are the busy ones: a story's dependencies are not.
      rest.push({
        node: child,
        busy: isList ? busy : busyKeys.has(key),
        listed: isList ? listed : busyKeys.has(key) || (busy && queueNames.has(key)),
      });
    }
  }
  return { told, isWhole: true };
}

/** Contradicting places count as started: the safe side is the one that sends nothing again. */
export function storyEvidence(json: string, storyId: string): "started" | "ended" | "not_started" | "nothing" {
  const { told, isWhole } = statusFacts(json);
  const facts = told.get(storyId);
  if (facts?.isStarted) return "started";
  // What has not been looked at may say "started": then "not started" is not proven.
  if (!facts || !isWhole) return "nothing";
  if ([...facts.words].some(isEndedWord)) return "ended";
  return facts.isUntouched && !facts.isListed ? "not_started" : "nothing";
}

/**
 * The stories of a plan that are being executed for it, and of no other plan. Of the plan's own word nobody knows which of
 * its steps it tells.
 */
export function startedStoriesOf(json: string, planId: string): string[] {
  const { told } = statusFacts(json);
  return [...told].flatMap(([story, { startedFor, plans }]) =>
    startedFor === planId && plans.size === 1 ? [story] : [],
  );
}
