import type { ProblemCode } from "../lib/errors.ts";
import type { Draft } from "../audit/record.ts";
import type { Asker } from "./command.ts";
import type { Command } from "../wire/dispatch.ts";
import { subjectOf } from "../wire/dispatch.ts";

/** Equal refusals within this time are one record with a count: a flood writes at most two lines each 10 s and subject. */
const windowMs = 10_000;
/** Different refusals counted at a time; past it, they are counted together, without their subject and asker. */
const subjectsMax = 64;

interface Counted {
  readonly draft: Draft;
  count: number;
}

export interface RefusalsOptions {
  readonly append: (draft: Draft) => Promise<unknown>;
}

/** Refusals by a limit go into the log, so that a flood is on record; the first at once, the rest counted. */
export class Refusals {
  readonly #options: RefusalsOptions;
  readonly #counted = new Map<string, Counted>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(options: RefusalsOptions) {
    this.#options = options;
  }

  note(code: ProblemCode, command: Command, asker: Asker): void {
    const named = JSON.stringify([code, command.action, subjectOf(command), asker.source, asker.user_id]);
    const key = this.#counted.has(named) || this.#counted.size < subjectsMax ? named : code;
    const counted = this.#counted.get(key);
    if (counted) {
      counted.count++;
      return;
    }
    const draft = key === named ? draftOf(code, command, asker) : ({ event: "rejected", code } as const);
    this.#counted.set(key, { draft, count: 0 });
    this.#write({ ...draft, count: 1 });
    this.#timer ??= setTimeout(() => this.flush(), windowMs);
  }

  /** Writes what was counted since the last time. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const { draft, count } of this.#counted.values()) if (count > 0) this.#write({ ...draft, count });
    this.#counted.clear();
  }

  #write(draft: Draft): void {
    // Nobody waits for this record; a failing log is reported by the log itself and stops the process.
    this.#options.append(draft).catch(() => {});
  }
}

function draftOf(code: ProblemCode, command: Command, asker: Asker): Draft {
  return {
    event: "rejected",
    action: command.action,
    ...(command.story_id !== undefined && { story_id: command.story_id }),
    ...(command.plan_id !== undefined && { plan_id: command.plan_id }),
    source: asker.source,
    ...(asker.user_id !== undefined && { user_id: asker.user_id }),
    auth_mode: asker.auth_mode,
    code,
  };
}
