import type { StoredRecord } from "../audit/record.ts";
import type { Action } from "../wire/dispatch.ts";
import { carriedReason } from "./job.ts";

/** As many as there are keys for cancels and halts. Past it the oldest is forgotten; what is older than it is then not told. */
export const undoingsMax = 10_000;

const undoing: ReadonlySet<string> = new Set<Action>(["cancel_story", "halt", "apply_plan"]);

interface Undoing {
  /** Undefined when it is about every story. */
  readonly storyId: string | undefined;
  /** Place in the log, of which all that it does is known to be done; infinite until then. */
  until: number;
  /** Running time of the record that nobody knows what became of it. */
  lostAt?: number;
}

/**
 * The projection of the audit log that answers "can somebody have put it back". A cancel of a story, a halt and a plan that is
 * applied anew leave a story as it was before it ran; each of them does so before its answer is recorded. One whose answer never
 * came may still come true as long as any command may.
 */
export class Undoings {
  /** By audit id, oldest first. */
  readonly #commands = new Map<string, Undoing>();
  /** One iterator for good: a new one would step over everything that was ever deleted, each time. */
  readonly #oldest = this.#commands.keys();
  /** Those of which nobody knows what became of them, oldest first. */
  readonly #lost = new Set<Undoing>();
  #forgottenUntil = -1;
  #hasBegun = false;
  readonly #settleMs: number;
  readonly #commandsMax: number;

  /** @param settleMs milliseconds after an unknown outcome during which the command may still come true */
  constructor(settleMs: number, commandsMax = undoingsMax) {
    this.#settleMs = settleMs;
    this.#commandsMax = commandsMax;
  }

  apply(record: StoredRecord): void {
    const { event, seq, audit_id, action, story_id, result, reason, uptime_ms = 0 } = record;
    if (!this.#hasBegun) this.#startAt(record);
    if (audit_id === undefined || action === undefined || reason === carriedReason) return;
    if (event === "intent") this.#giveUp(seq, uptime_ms);
    if (!undoing.has(action)) return;
    // The intent of an outcome may lie in an older file than any that a start reads.
    if (event === "intent" || (result !== undefined && !this.#commands.has(audit_id))) {
      this.#begin(audit_id, action === "cancel_story" ? story_id : undefined);
    }
    if (event !== "intent" && result !== undefined) this.#end(audit_id, { seq, result, uptime_ms });
  }

  /** Whether a story may have been put back after the dispatch whose intent has this place in the log. */
  mayFollow(seq: number, storyId: string | undefined): boolean {
    if (this.#forgottenUntil > seq) return true;
    return this.#commands.values().some((command) => command.until > seq && (command.storyId ?? storyId) === storyId);
  }

  /** Where a start does not read from the first record on, something may have been on its way that nobody knows of. */
  #startAt({ seq, uptime_ms = 0 }: StoredRecord): void {
    this.#hasBegun = true;
    if (seq === 0) return;
    this.#begin("", undefined);
    this.#end("", { seq, result: "unknown", uptime_ms });
  }

  #begin(auditId: string, storyId: string | undefined): void {
    this.#commands.set(auditId, { storyId, until: Infinity });
    if (this.#commands.size <= this.#commandsMax) return;
    const oldest = this.#oldest.next().value!;
    this.#forgottenUntil = Math.max(this.#forgottenUntil, this.#commands.get(oldest)!.until);
    this.#commands.delete(oldest);
  }

  #end(auditId: string, { seq, result, uptime_ms }: { seq: number; result: string; uptime_ms: number }): void {
    const command = this.#commands.get(auditId);
    if (!command) return;
    this.#lost.delete(command);
    // Podium refused it or never got it.
    if (result === "rejected" || result === "failed") this.#commands.delete(auditId);
    else if (result === "unknown") this.#lost.add(Object.assign(command, { lostAt: uptime_ms }));
    else command.until = seq;
  }

  /** What nobody knows the end of has had its time when a later dispatch begins. */
  #giveUp(seq: number, uptimeMs: number): void {
    for (const command of this.#lost) {
      if (uptimeMs - command.lostAt! < this.#settleMs) return;
      command.until = seq;
      this.#lost.delete(command);
    }
  }
}
