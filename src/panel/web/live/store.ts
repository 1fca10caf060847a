import type { PlainProblem } from "../api/requests.ts";
import type { Fields } from "../api/json.ts";
import type { AuditState } from "../state/audit.ts";
import { noAudit } from "../state/audit.ts";
import type { ClientIdentity } from "../state/client.ts";
import { localClient } from "../state/client.ts";
import type { Told } from "../state/frames.ts";
import { noFacts } from "../state/connection.ts";
import type { Sample } from "../state/history.ts";
import type { Service } from "../state/services.ts";
import { nothingKnown } from "../state/work.ts";
import type { Command } from "./commander.ts";

export type Page = { readonly name: "orchestrator" | "audit" | "services"; readonly auditId?: string };

/** Where a story's button was pressed. */
export type Place = "form" | "now" | "queue" | "stories";

/** One press of a button, until the next press of the same one. */
export interface Attempt {
  readonly command: Command;
  readonly phase: "sending" | "accepted" | "failed";
  /** Absent for a press from before the page was loaded. */
  readonly place?: Place;
  readonly startedMs: number;
  readonly endedMs?: number;
  readonly problem?: PlainProblem;
  /** What became of a press before this one is not known; this one's problem says nothing of it. */
  readonly earlierInDoubt?: boolean;
  /** The log has told it, and no answer to a press: no tail of a double click follows. */
  readonly fromLog?: boolean;
  readonly answer?: {
    readonly jobId: string;
    readonly auditId: string;
    readonly replayed: boolean;
    readonly result: Fields;
  };
}

/** What the page shows; every change makes a new one. */
export interface PanelState extends Told {
  readonly page: Page;
  /** There is something to show: before, the page is empty rather than wrong. */
  readonly ready: boolean;
  readonly client: ClientIdentity;
  /** Why the token that was entered last did not do. */
  readonly tokenProblem?: PlainProblem | undefined;
  /** Why the session could not be ended. */
  readonly signOutProblem?: PlainProblem | undefined;
  /** When Podium last said something of its work; empty until its status was read once. */
  readonly workAt: string;
  /** When Podium was asked for the status that was read last; 0 before. */
  readonly statusAskedMs: number;
  /** When the job list was last read; empty before. */
  readonly jobsAt: string;
  readonly jobsProblem?: PlainProblem | undefined;
  readonly attempts: ReadonlyMap<string, Attempt>;
  readonly samples: readonly Sample[];
  readonly audit: AuditState;
  readonly services: readonly Service[] | undefined;
  readonly servicesProblem?: PlainProblem | undefined;
  readonly search: string;
  /** As typed into the form that dispatches a story. */
  readonly storyId: string;
  /** Version and the like, from the status answer. */
  readonly gateway: Fields;
  /** roxy-core is another version than when the page was loaded, which has brought that version's panel. */
  readonly outdated: boolean;
  /** The newest thing worth saying aloud to who can't see it. */
  readonly spoken: string;
  /** Ticks while something is on its way, so that its seconds can be counted. */
  readonly nowMs: number;
}

export const initialState: PanelState = {
  page: { name: "orchestrator" },
  ready: false,
  client: localClient,
  facts: noFacts,
  work: nothingKnown,
  workAt: "",
  statusAskedMs: 0,
  jobsAt: "",
  jobs: [],
  heard: new Map(),
  attempts: new Map(),
  samples: [],
  audit: noAudit,
  services: undefined,
  search: "",
  storyId: "",
  gateway: {},
  outdated: false,
  spoken: "",
  nowMs: Date.now(),
};

/** The one place that holds the state; whoever watches is told once a turn, however much has changed. */
export class Store {
  #state: PanelState = initialState;
  #told = false;
  readonly #watchers = new Set<() => void>();

  get state(): PanelState {
    return this.#state;
  }

  set(change: Partial<PanelState>): void {
    this.#state = { ...this.#state, ...change };
    if (this.#told) return;
    this.#told = true;
    // A timer and not an animation frame: a page in the background must stay true as well.
    setTimeout(() => {
      this.#told = false;
      for (const watcher of this.#watchers) watcher();
    }, 0);
  }

  facts(change: Partial<PanelState["facts"]>): void {
    this.set({ facts: { ...this.#state.facts, ...change } });
  }

  watch(watcher: () => void): void {
    this.#watchers.add(watcher);
  }
}
