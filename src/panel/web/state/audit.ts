import type { PlainProblem } from "../api/requests.ts";
import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, listOf, numberOf } from "../api/json.ts";
import type { AuditEvent } from "../../../wire/audit.ts";
import { endings } from "./jobs.ts";
import { visibleText } from "./words.ts";

export interface AuditHead {
  readonly seq: number;
  readonly hash: string;
  readonly checkpoint?: string;
  readonly checkpointSize: number;
}

export interface Verification {
  readonly verified: boolean;
  readonly records: number;
  readonly toSeq: number | undefined;
  /** Records under a signature. */
  readonly signed: number;
  readonly words: string;
  readonly at: string;
}

export interface AuditState {
  /** As typed. */
  readonly search: string;
  readonly event: string;
  readonly records: readonly Fields[];
  /** What the records are the answer to: search and event may have been changed since. */
  readonly answered: string;
  readonly next: string | undefined;
  readonly loading: boolean;
  readonly problem?: PlainProblem | undefined;
  /** The records of the dispatch that is looked at. */
  readonly dispatch?: {
    readonly auditId: string;
    readonly records: readonly Fields[];
    readonly problem?: PlainProblem;
  };
  readonly head?: AuditHead;
  readonly verifying: boolean;
  readonly verification?: Verification;
  readonly verifyProblem?: PlainProblem | undefined;
  readonly proofProblem?: PlainProblem | undefined;
}

export const noAudit: AuditState = {
  search: "",
  event: "",
  records: [],
  answered: "",
  next: undefined,
  loading: false,
  verifying: false,
};

const actions = new Set([
  "enqueue_story",
  "cancel_story",
  "prepare_apply",
  "apply_plan",
  "enqueue_plan",
  "halt",
  "status",
]);
/** Every event that a record can have, those of a dispatch first. */
export const eventNames = [
  "intent",
  "outcome",
  "unknown",
  "rejected",
  "job",
  "checkpoint",
  "recover",
  "open",
  "close",
  "genesis",
  "prune",
  "key",
] as const satisfies readonly AuditEvent[];
const events: ReadonlySet<string> = new Set(eventNames);
const dayShape = /^\d{4}-\d\d-\d\d$/;
const named = new Set(["event", "action", "story", "plan", "user", "source", "job", "result", "from", "to"]);

/**
 * What was typed as the filters of the API. `name:value` says it outright; else the word's own look tells: a job id, a
 * day, an action, an event, a plan's id, and everything else is a story's id.
 */
export function auditFilter(search: string): Readonly<Record<string, string>> {
  const filter: Record<string, string> = {};
  for (const word of search.trim().split(/\s+/)) {
    if (word === "") continue;
    const colon = word.indexOf(":");
    const name = word.slice(0, colon).toLowerCase();
    if (colon > 0 && named.has(name)) filter[name] = word.slice(colon + 1);
    else Object.assign(filter, guess(word));
  }
  return filter;
}

function guess(word: string): Record<string, string> {
  if (/^JOB-/i.test(word)) return { job: word.toUpperCase() };
  if (dayShape.test(word)) return { from: word, to: word };
  if (actions.has(word.toLowerCase())) return { action: word.toLowerCase() };
  if (events.has(word.toLowerCase())) return { event: word.toLowerCase() };
  if (/^SKOREQ-/i.test(word) && !/STORY/i.test(word)) return { plan: word };
  return { story: word };
}

/** What is asked of the log: the search, and the event that was chosen beside it. */
export function questionOf({ search, event }: Pick<AuditState, "search" | "event">): Readonly<Record<string, string>> {
  return { ...auditFilter(search), ...(event !== "" && { event }) };
}

/** How the question was understood. The log's days are those of UTC. */
export function questionWords(question: Readonly<Record<string, string>>): string {
  const parts = Object.entries(question).map(
    ([name, value]) => `${name} is ${visibleText(value)}${dayShape.test(value) ? " (UTC)" : ""}`,
  );
  return parts.length === 0 ? "Everything." : `Where ${parts.join(" and ")}.`;
}

export function readHead(body: Fields): AuditHead | undefined {
  const head = fieldsOf(body["head"]);
  const [seq, hash] = [numberOf(head["seq"]), firstText(head, "hash")];
  if (seq === undefined || hash === undefined) return undefined;
  const checkpoint = firstText(body, "checkpoint");
  return {
    seq,
    hash,
    checkpointSize: numberOf(body["checkpoint_size"]) ?? 0,
    ...(checkpoint !== undefined && { checkpoint }),
  };
}

/** @param at when the answer came, RFC 3339 */
export function readVerification(body: Fields, at: string): Verification {
  const fault = body["fault"];
  const parts = fieldsOf(fault);
  const words = typeof fault === "string" ? fault : faultWords(parts);
  const warnings = listOf(body["warnings"]).filter((warning) => typeof warning === "string");
  return {
    verified: body["verified"] === true,
    records: numberOf(body["records"]) ?? 0,
    toSeq: numberOf(body["to_seq"]),
    signed: numberOf(body["signed"]) ?? 0,
    words: [words, firstText(body, "detail") ?? "", ...warnings].filter((part) => part !== "").join("; "),
    at,
  };
}

/** Where, and what is wrong there. */
function faultWords(fault: Fields): string {
  const what = firstText(fault, "what", "detail", "reason", "message");
  if (what === undefined) return "";
  const [path, line, seq] = [firstText(fault, "file"), numberOf(fault["line"]), numberOf(fault["seq"])];
  const record = seq === undefined ? "" : `record #${seq}`;
  const file = path === undefined ? "" : `${path.split("/").at(-1)}${line === undefined ? "" : ` line ${line}`}`;
  const place = [record, file].filter((part) => part !== "").join(", ");
  return place === "" ? what : `In ${place}: ${what}`;
}

/** Records that the page shows at most; more than this is read with the command line. */
export const recordsMax = 2_000;

export function seqOf(record: Fields | undefined): number {
  return numberOf(record?.["seq"]) ?? -1;
}

/** @param records of one dispatch. @returns whether none is to come after them; false when that can't be told */
export function hasEnded(records: readonly Fields[]): boolean {
  const outcome = records.find(({ event }) => event === "outcome");
  if (!outcome) return false;
  const { result, action } = outcome;
  if (result === "rejected" || result === "failed") return true;
  if (result !== "queued" || action === "enqueue_plan") return false;
  return action !== "enqueue_story" || endings.has(firstText(records.at(-1) ?? {}, "podium_status") ?? "");
}

/** What queues nothing is answered when Podium has taken it: `queued` would alarm whoever looks whether a halt has worked. */
export function resultWord(record: Fields): string | undefined {
  const { event, action, result } = record;
  const isQueuing = action === "enqueue_story" || action === "enqueue_plan";
  if (event === "outcome" && result === "queued" && !isQueuing) return "answered";
  return firstText(record, "result", "podium_status", "code");
}

export function recordsIn(body: Fields): Fields[] {
  return listOf(body["records"]).map(fieldsOf);
}
