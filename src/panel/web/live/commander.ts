import type { ApiRequest } from "../../../wire/client.ts";
import { apiRequest } from "../../../wire/client.ts";
import type { DispatchRequest } from "../../../wire/dispatch.ts";
import { fieldsOf, firstText } from "../api/json.ts";
import type { PlainProblem, Reply, Requests } from "../api/requests.ts";
import type { Attempt, Store } from "./store.ts";
import { Turns } from "./turns.ts";

export interface Command {
  readonly action: "enqueue_story" | "cancel_story" | "prepare_apply" | "apply_plan" | "enqueue_plan" | "halt";
  readonly story_id?: string;
  readonly plan_id?: string;
  readonly nonce?: string;
}

const path = "/api/orchestrator/dispatch";
/** Podium's longest answer takes 30 s, and some may stand before this one in the line. */
const commandMs = 120_000;
const haltMs = 20_000;
/**
 * After an answer, further presses of the same button are the tail of a double click, whose halves lie 500 ms apart at
 * most. After a yes the button says so for a while; after a no its reader may soon want to try again.
 */
const settleMs = { sending: Infinity, accepted: 1_500, failed: 500 };

/** Which button an attempt belongs to. */
export function subjectOf({ action, story_id, plan_id }: Command): string {
  return [action, story_id ?? plan_id ?? ""].join(" ");
}

/** Sends commands. A button's presses share one key until it is settled what became of them, across reloads too. */
export class Commander {
  readonly #requests: Requests;
  readonly #store: Store;
  readonly #onAnswer: () => void;
  readonly #turns = new Turns();

  constructor(requests: Requests, store: Store, onAnswer: () => void) {
    this.#requests = requests;
    this.#store = store;
    this.#onAnswer = onAnswer;
  }

  /** One press. A press while the one before is on its way, or has just come through, is the same press. */
  async run(command: Command): Promise<void> {
    const subject = subjectOf(command);
    const earlier = this.#store.state.attempts.get(subject);
    if (earlier && isSettling(earlier)) return;
    const { action, ...ids } = command;
    const keySlot = `roxy-key ${subject} ${command.nonce ?? ""}`;
    const idempotencyKey = keep(keySlot);
    const startedMs = Date.now();
    this.#note(subject, { phase: "sending", startedMs });
    // Which ids an action takes is the server's to judge: whatever it is, a button has its reasons.
    const body = { action, payload: ids, source: "web-panel" } as DispatchRequest;
    const reply = await this.#sendInTurn(apiRequest("post", path, { body, idempotencyKey }));
    if (reply.ok || reply.problem.retry !== "same-key") forget(keySlot);
    this.#note(subject, attemptOf(reply, startedMs));
    // The button goes back to its own words when a double click's tail is over.
    setTimeout(() => this.#store.set({ nowMs: Date.now() }), settleMs.accepted);
    this.#onAnswer();
  }

  async #sendInTurn(request: ApiRequest): Promise<Reply> {
    if (!(await this.#turns.enter())) return { ok: false, problem: neverSent, body: {} };
    try {
      return await this.#requests.send(request, { timeoutMs: commandMs });
    } finally {
      this.#turns.leave();
    }
  }

  /**
   * The stop. It shares nothing with other requests: those are let go first. Its key is new each time, for a stored
   * answer would stop nothing.
   */
  async halt(): Promise<void> {
    const subject = subjectOf({ action: "halt" });
    if (this.#store.state.attempts.get(subject)?.phase === "sending") return;
    const startedMs = Date.now();
    this.#note(subject, { phase: "sending", startedMs });
    this.#turns.clear();
    this.#requests.letGo();
    const body = { action: "halt", payload: {}, source: "web-panel" } as const;
    const request = apiRequest("post", path, { body, idempotencyKey: newKey() });
    const reply = await this.#requests.send(request, { timeoutMs: haltMs });
    this.#note(subject, attemptOf(reply, startedMs));
    this.#onAnswer();
  }

  /** Takes an answer off the page that its reader has seen. */
  dismiss(subject: string): void {
    const attempts = new Map(this.#store.state.attempts);
    attempts.delete(subject);
    this.#store.set({ attempts });
  }

  #note(subject: string, attempt: Attempt): void {
    this.#store.set({ attempts: new Map(this.#store.state.attempts).set(subject, attempt) });
  }
}

export function isSettling({ phase, endedMs }: Attempt): boolean {
  return Date.now() - (endedMs ?? 0) < settleMs[phase];
}

function attemptOf(reply: Reply, startedMs: number): Attempt {
  const endedMs = Date.now();
  if (!reply.ok) return { phase: "failed", startedMs, endedMs, problem: reply.problem };
  const { body, replayed } = reply;
  const jobId = firstText(body, "job_id");
  if (body["success"] !== true || jobId === undefined) return { phase: "failed", startedMs, endedMs, problem: odd };
  const answer = {
    jobId,
    auditId: firstText(body, "audit_id") ?? "",
    replayed,
    result: fieldsOf(body["podium_result"]),
  };
  return { phase: "accepted", startedMs, endedMs, answer };
}

const neverSent: PlainProblem = {
  code: "let_go",
  title: "Not sent",
  detail: "A halt came while it was waiting in this page",
  retry: "safe",
  httpStatus: 0,
  faults: [],
};

const odd: PlainProblem = {
  code: "unreadable",
  title: "The answer can't be understood",
  detail: "It is no answer of roxy-core's: something else may stand between",
  retry: "same-key",
  httpStatus: 200,
  faults: [],
};

/** Keys of presses that are not settled; a copy in the session's storage survives a reload. */
const kept = new Map<string, string>();

function keep(slot: string): string {
  const key = kept.get(slot) ?? stored(() => sessionStorage.getItem(slot)) ?? newKey();
  kept.set(slot, key);
  stored(() => sessionStorage.setItem(slot, key));
  return key;
}

function forget(slot: string): void {
  kept.delete(slot);
  stored(() => sessionStorage.removeItem(slot));
}

/** A browser may refuse its storage; then a reload forgets, and roxy-core's own checks stand behind us. */
function stored<T>(access: () => T): T | undefined {
  try {
    return access();
  } catch {
    return undefined;
  }
}

/** 128 random bits. Not `randomUUID`: pages that came over plain HTTP from another machine don't have it. */
function newKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return `panel-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
