import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, listOf, numberOf, textOf } from "../api/json.ts";
import type { Agent, HaltFacts, Plan, QueueEntry, Story, Told } from "./work.ts";
import { isHalted } from "./work.ts";

/**
 * Podium's status and frames are JSON of unknown shape. What looks like stories, a queue, agents or plans is taken for
 * them, wherever it stands; everything else is passed over. Nothing here throws.
 */

/** Nodes looked at and rows kept: more than a person reads, little enough to stay quick. */
const nodesMax = 50_000;
const rowsMax = 5_000;

interface Found {
  stories: Map<string, Story> | undefined;
  queue: QueueEntry[] | undefined;
  running: string[] | undefined;
  agents: Agent[] | undefined;
  plans: Plan[] | undefined;
}

export function readPodium(value: unknown): Told {
  const found: Found = {
    stories: undefined,
    queue: undefined,
    running: undefined,
    agents: undefined,
    plans: undefined,
  };
  const rest: { value: unknown; path: string }[] = [{ value, path: "" }];
  for (let seen = 0; seen < Math.min(rest.length, nodesMax); seen++) {
    const node = rest[seen]!;
    if (Array.isArray(node.value)) {
      const items = (node.value as unknown[]).slice(0, rowsMax);
      if (!readList(found, items, node.path)) rest.push(...items.map((item) => ({ value: item, path: node.path })));
      continue;
    }
    const fields = fieldsOf(node.value);
    readCurrent(found, fields);
    for (const [key, child] of Object.entries(fields)) {
      if (typeof child !== "object" || child === null) continue;
      const map = mapAsList(child, key);
      rest.push({ value: map ?? child, path: `${node.path}/${key}` });
    }
  }
  const state = stateIn(fieldsOf(value));
  const halt = haltIn({ ...fieldsOf(value), ...itselfIn(fieldsOf(value)) });
  const told = Object.entries(found).filter(([, part]) => part !== undefined);
  return {
    ...(Object.fromEntries(told) as Told),
    ...(state !== undefined && { state }),
    ...(Object.keys(halt).length > 0 && { halt }),
  };
}

/** `{"STORY-001": {"status": …}}` is a list too, with the ids as keys. */
function mapAsList(child: object, key: string): unknown[] | undefined {
  if (Array.isArray(child) || !/stor(y|ies)|task|agent|plan/i.test(key)) return undefined;
  const entries = Object.entries(child);
  const isMap = entries.length > 0 && entries.every(([, item]) => firstText(fieldsOf(item), "status", "state"));
  return isMap ? entries.map(([id, item]) => ({ id, ...fieldsOf(item) })) : undefined;
}

/** The orchestrator's word for itself: under `orchestrator`, or at the top. A story's `status` is not that. */
function stateIn(fields: Fields): string | undefined {
  const own = stateOf(itselfIn(fields));
  return own !== undefined || idOf(fields) !== undefined ? own : stateOf(fields);
}

/** Its word; or that it is halted, where that is said as a yes, or by when. */
function stateOf(fields: Fields): string | undefined {
  const word = firstText(fields, "state", "status");
  const { halted } = fields;
  if (halted === true) return isHalted({ state: word }) ? word : "halted";
  if (halted === false) return word ?? "running";
  return word ?? (haltIn(fields).since === undefined ? undefined : "halted");
}

function itselfIn(fields: Fields): Fields {
  return fieldsOf(fields["orchestrator"] ?? fields["conductor"]);
}

/** Beside its word for itself. */
function haltIn(fields: Fields): HaltFacts {
  return compact({
    since: firstText(fields, "haltedSince", "halted_since", "haltedAt", "halted_at"),
    by: firstText(fields, "haltedBy", "halted_by"),
  });
}

function readCurrent(found: Found, fields: Fields): void {
  const current = fields["currentStory"] ?? fields["current_story"];
  const id = typeof current === "string" ? textOf(current) : idOf(fieldsOf(current));
  if (id !== undefined && firstText(fields, "agentId", "agent_id") === undefined) add((found.running ??= []), id);
  else if (current === null) found.running ??= [];
}

/** @returns whether the list was one of ours; what is in it has then been read */
function readList(found: Found, items: readonly unknown[], path: string): boolean {
  const sample = fieldsOf(items[0]);
  const has = (...names: string[]): boolean => firstText(sample, ...names) !== undefined;
  if (has("agentId", "agent_id") || /agents?$|workers?$/i.test(path)) readAgents(found, items);
  else if (/queue|waiting|\/pending$/i.test(path)) readQueue(found, items);
  else if (/running|in_?progress|active/i.test(path)) readRunning(found, items);
  else if ((has("planId", "plan_id") && !has("storyId", "story_id")) || /plans?$/i.test(path)) readPlans(found, items);
  else return readStories(found, items, path);
  return true;
}

function readAgents(found: Found, items: readonly unknown[]): void {
  found.agents ??= [];
  for (const item of items) {
    const fields = fieldsOf(item);
    const id = firstText(fields, "agentId", "agent_id", "id", "name");
    if (id !== undefined) found.agents.push(agentOf(id, fields));
  }
}

export function agentOf(id: string, fields: Fields): Agent {
  const story = fields["currentStory"] ?? fields["story"] ?? fields["task"];
  const progress = numberOf(fields["progress"]);
  return compact({
    id,
    name: firstText(fields, "name", "title"),
    status: firstText(fields, "status", "state"),
    storyId: firstText(fields, "storyId", "story_id") ?? textOf(story) ?? idOf(fieldsOf(story)),
    since: firstText(fields, "since", "startedAt", "started_at"),
    progress: progress === undefined ? undefined : Math.min(100, Math.max(0, progress)),
  });
}

function readQueue(found: Found, items: readonly unknown[]): void {
  found.queue ??= [];
  for (const item of items) {
    const fields = fieldsOf(item);
    const id = textOf(item) ?? idOf(fields);
    if (id === undefined) continue;
    const entry: QueueEntry = compact({
      id,
      status: firstText(fields, "status", "state"),
      queue: firstText(fields, "queue", "tier", "lane"),
      since: firstText(fields, "enqueuedAt", "enqueued_at", "since"),
      waitsFor: texts(fields["waitsFor"] ?? fields["waits_for"] ?? fields["blockedBy"]),
    });
    found.queue.push(entry);
    if (firstText(fields, "title") !== undefined) keepStory(found, id, fields);
  }
}

function readRunning(found: Found, items: readonly unknown[]): void {
  found.running ??= [];
  for (const item of items) {
    const id = textOf(item) ?? idOf(fieldsOf(item));
    if (id !== undefined) add(found.running, id);
  }
}

function readPlans(found: Found, items: readonly unknown[]): void {
  found.plans ??= [];
  for (const item of items) {
    const fields = fieldsOf(item);
    const id = textOf(item) ?? firstText(fields, "planId", "plan_id", "id");
    if (id === undefined) continue;
    const { title, status, error } = {
      title: firstText(fields, "title", "name"),
      status: firstText(fields, "status", "state"),
      error: firstText(fields, "error"),
    };
    found.plans.push(compact({ id, title, status, error, stories: idsIn(fields["stories"]) }));
  }
}

/** Any list of objects that have an id and, unless the list itself is called so, a status. */
function readStories(found: Found, items: readonly unknown[], path: string): boolean {
  const named = /stor(y|ies)$|tasks?$|catalog(ue)?$|backlog$/i.test(path);
  if (named) found.stories ??= new Map();
  let taken = named;
  for (const item of items) {
    const fields = fieldsOf(item);
    const id = idOf(fields);
    const isStory = named || firstText(fields, "storyId", "story_id") !== undefined || "status" in fields;
    if (id === undefined || !isStory) continue;
    keepStory(found, id, fields);
    taken = true;
  }
  return taken;
}

function keepStory(found: Found, id: string, fields: Fields): void {
  const stories = (found.stories ??= new Map<string, Story>());
  if (stories.size >= rowsMax) return;
  stories.set(id, storyOf(id, fields));
}

export function storyOf(id: string, fields: Fields): Story {
  return compact({
    id,
    title: firstText(fields, "title", "name", "summary"),
    status: firstText(fields, "status", "state"),
    queue: firstText(fields, "queue", "tier"),
    planId: firstText(fields, "planId", "plan_id"),
    agent: firstText(fields, "agent", "agentId"),
    message: firstText(fields, "message", "error"),
    dependencies: idsIn(fields["dependencies"] ?? fields["dependsOn"] ?? fields["depends_on"]),
  });
}

function idOf(fields: Fields): string | undefined {
  return firstText(fields, "storyId", "story_id", "id", "taskId", "task_id");
}

function texts(value: unknown): string[] {
  return listOf(value).flatMap((item) => textOf(item) ?? []);
}

function idsIn(value: unknown): string[] {
  return listOf(value).flatMap((item) => textOf(item) ?? idOf(fieldsOf(item)) ?? []);
}

function add(list: string[], id: string): void {
  if (!list.includes(id) && list.length < rowsMax) list.push(id);
}

type Compact<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** The object without its undefined fields. */
function compact<T extends object>(value: T): Compact<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Compact<T>;
}
