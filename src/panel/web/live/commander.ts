import type { ApiRequest } from "../../../wire/client.ts";
import { apiRequest } from "../../../wire/client.ts";
import type { DispatchRequest } from "../../../wire/dispatch.ts";
import { fieldsOf, firstText } from "../api/json.ts";
import type { PlainProblem, Reply, Requests } from "../api/requests.ts";
import { Doubts } from "./doubts.ts";
import { forgetHalt, keepHalt, lastHalt } from "./last-halt.ts";
import type { PressKey } from "./press-keys.ts";
import { forget, keep, keyFor, newKey, pressesInDoubt, slotOf } from "./press-keys.ts";
import type { Attempt, Place, Store } from "./store.ts";
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
  readonly doubts: Doubts;
  readonly #requests: Requests;
  readonly #store: Store;
  readonly #onAnswer: (attempt: Attempt) => void;
  readonly #turns = new Turns();

  constructor(requests: Requests, store: Store, onAnswer: (attempt: Attempt) => void) {
    this.#requests = requests;
    this.#store = store;
    this.#onAnswer = onAnswer;
    this.doubts = new Doubts(requests, store, (key, attempt) => this.#learnt(key, attempt));
  }

  /** Says of presses from before the page was loaded that they are in doubt, until the log tells; and how the last halt failed. */
  recall(): void {
    for (const { command, key } of pressesInDoubt()) {
      this.#noteEnd(key, { command, phase: "failed", startedMs: 0, endedMs: 0, problem: leftInDoubt });
    }
    const halt = lastHalt();
    if (halt) this.#noteEnd(halt.key, halt.attempt);
  }

  /** One press. A press while the one before is on its way, or has just come through, is the same press. */
  async run(command: Command, place?: Place): Promise<void> {
    const subject = subjectOf(command);
    const earlier = this.#store.state.attempts.get(subject);
    if (earlier && isSettling(earlier)) return;
    const { action, ...ids } = command;
    // A cancel means what runs now: under a key that is in doubt since an earlier run it would be turned away.
    const slot = action === "cancel_story" ? undefined : slotOf(command);
    const pressKey = slot === undefined ? { key: newKey(), inDoubt: false } : keyFor(slot);
    const startedMs = Date.now();
    const pressed = { command, startedMs, ...(place !== undefined && { place }) };
    this.#note({ phase: "sending", ...pressed });
    // Which ids an action takes is the server's to judge: whatever it is, a button has its reasons.
    const body = { action, payload: ids, source: "web-panel" } as DispatchRequest;
    const request = apiRequest("post", path, { body, idempotencyKey: pressKey.key });
    const answered = attemptOf(await this.#sendInTurn(request, slot, pressKey), pressed);
    const attempt = { ...answered, ...(leavesDoubt(answered, pressKey) && { earlierInDoubt: true }) };
    if (slot !== undefined) settleKey(slot, pressKey, attempt);
    this.#noteEnd(pressKey.key, attempt);
    // The button goes back to its own words when a double click's tail is over.
    setTimeout(() => this.#store.set({ nowMs: Date.now() }), settleMs[attempt.phase]);
    this.#onAnswer(attempt);
  }

  async #sendInTurn(request: ApiRequest, slot: string | undefined, { key }: PressKey): Promise<Reply> {
    if (!(await this.#turns.enter())) return { ok: false, problem: neverSent, body: {} };
    try {
      if (slot !== undefined) keep(slot, { key, inDoubt: true });
      const reply = await this.#requests.send(request, { timeoutMs: commandMs });
      if (!reply.ok && reply.problem.code === "cancelled_by_halt") this.haltHeard();
      return reply;
    } finally {
      this.#turns.leave();
    }
  }

  /**
   * The stop. It shares nothing with other requests: those are let go first. Its key is new each time, for a stored
   * answer would stop nothing.
   */
  async halt(): Promise<void> {
    const command = { action: "halt" } as const;
    if (this.#store.state.attempts.get(subjectOf(command))?.phase === "sending") return;
    const startedMs = Date.now();
    const pressed = { command, startedMs };
    this.#note({ phase: "sending", ...pressed });
    this.haltHeard();
    this.#requests.letGo();
    const body = { action: "halt", payload: {}, source: "web-panel" } as const;
    const key = newKey();
    // The page may be left before the answer comes.
    keepHalt({ key, attempt: { phase: "failed", ...pressed, endedMs: startedMs, problem: leftInDoubt } });
    const request = apiRequest("post", path, { body, idempotencyKey: key });
    const reply = await this.#requests.send(request, { timeoutMs: haltMs });
    const attempt = attemptOf(reply, pressed);
    this.#noteEnd(key, attempt);
    this.#onAnswer(attempt);
  }

  /** Somebody halts, here or elsewhere: what still waits in this page was pressed before, and is not sent after it. */
  haltHeard(): void {
    this.#turns.clear();
  }

  /** Takes an answer off the page that its reader has seen. */
  dismiss(subject: string): void {
    const attempts = new Map(this.#store.state.attempts);
    if (attempts.get(subject)?.command.action === "halt") forgetHalt();
    attempts.delete(subject);
    this.#store.set({ attempts });
  }

  #noteEnd(key: string, attempt: Attempt): void {
    this.#note(attempt);
    if (attempt.command.action === "halt") {
      if (attempt.phase === "failed") keepHalt({ key, attempt });
      else forgetHalt();
    }
    const inDoubt = attempt.earlierInDoubt || attempt.problem?.retry === "same-key";
    if (inDoubt) this.doubts.add(subjectOf(attempt.command), { key, attempt });
  }

  /**
   * The log has told what became of a press. One that ran keeps its key all the same: whoever was about to press again,
   * because that was not known, must not start a second run.
   */
  #learnt(key: string, attempt: Attempt): void {
    const { command } = attempt;
    this.#noteEnd(key, attempt);
    if (command.action === "halt" || command.action === "cancel_story") return;
    if (attempt.problem) settleKey(slotOf(command), { key, inDoubt: false }, attempt);
    else keep(slotOf(command), { key, inDoubt: false });
  }

  #note(attempt: Attempt): void {
    this.#store.set({ attempts: new Map(this.#store.state.attempts).set(subjectOf(attempt.command), attempt) });
  }
}

export function isSettling({ phase, endedMs, fromLog }: Attempt): boolean {
  return !fromLog && Date.now() - (endedMs ?? 0) < settleMs[phase];
}

function attemptOf(reply: Reply, pressed: Pick<Attempt, "command" | "startedMs" | "place">): Attempt {
  const endedMs = Date.now();
  if (!reply.ok) return { phase: "failed", ...pressed, endedMs, problem: reply.problem };
  const { body, replayed } = reply;
  const jobId = firstText(body, "job_id");
  if (body["success"] !== true || jobId === undefined) return { phase: "failed", ...pressed, endedMs, problem: odd };
  const answer = {
    jobId,
    auditId: firstText(body, "audit_id") ?? "",
    replayed,
    result: fieldsOf(body["podium_result"]),
  };
  return { phase: "accepted", ...pressed, endedMs, answer };
}

/** Codes whose `job_id` is another dispatch's. */
const aboutAnother: ReadonlySet<string> = new Set(["story_cooldown", "idempotency_mismatch"]);

/**
 * An earlier press was sent, nobody knows what became of it, and this one's refusal does not tell either: it was turned
 * away before its key was looked up. Who was given a job had none under that key that may have run.
 */
function leavesDoubt({ problem }: Attempt, { inDoubt }: PressKey): boolean {
  return inDoubt && problem !== undefined && (problem.jobId === undefined || aboutAnother.has(problem.code));
}

/** Only an answer of Podium's settles a key. After everything else the next press goes under the same one. */
function settleKey(slot: string, { key, inDoubt }: PressKey, attempt: Attempt): void {
  const { problem } = attempt;
  const isRefused = problem?.code === "podium_rejected" && problem.jobId !== undefined;
  if (!problem || isRefused) forget(slot);
  else keep(slot, { key, inDoubt: problem.retry === "same-key" || leavesDoubt(attempt, { key, inDoubt }) });
}

const neverSent: PlainProblem = {
  code: "let_go",
  title: "Not sent",
  detail: "A halt came while it was waiting in this page",
  retry: "safe",
  httpStatus: 0,
  faults: [],
};

const leftInDoubt: PlainProblem = {
  code: "in_doubt",
  title: "An earlier press is in doubt",
  detail: "It was sent before this page was loaded",
  retry: "same-key",
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
