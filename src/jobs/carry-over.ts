import type { Draft, StoredRecord } from "../audit/record.ts";
import { parseJobId } from "../lib/ids.ts";
import { carriedReason } from "./job.ts";
import type { Doubt } from "./doubt.ts";
import type { JobStore } from "./store.ts";

/** What it takes to say anything. */
export interface CarryOverDeps {
  readonly append: (draft: Draft) => Promise<unknown>;
  /** The oldest day that the log still holds. */
  readonly firstDay: () => string | undefined;
}

/**
 * A start reads the newest files only. What must outlast them is said again at the head of each file: the unknown
 * outcomes that nobody has found out, for as long as the log holds their intents, and the newest job id when its day is
 * still to come. If we crash before it is said, the file before still says it, and the next start reads that one
 * too, and says the rest.
 */
export class CarryOver {
  readonly #jobs: JobStore;
  /** Undefined during the replay. */
  #deps: CarryOverDeps | undefined;
  /** The file that is being written has said nothing yet. */
  #isDue = false;
  /** Job ids that it has said already: a crash in the middle leaves the rest to the next start. */
  readonly #said = new Set<string>();
  /** Of the file that is being written. */
  #day = "";

  constructor(jobs: JobStore) {
    this.#jobs = jobs;
  }

  /** Told of every record, in order, after the projection has seen it. */
  see(record: StoredRecord): void {
    this.#day = record.timestamp.slice(0, 10);
    if (record.event === "checkpoint") {
      this.#isDue = true;
      this.#said.clear();
    } else if (record.reason === carriedReason) this.#said.add(saidBy(record));
    this.#write();
  }

  /** The replay has ended: from now on records can be written. */
  begin(deps: CarryOverDeps): void {
    this.#deps = deps;
    this.#write();
  }

  #write(): void {
    if (!this.#isDue || !this.#deps) return;
    this.#isDue = false;
    const { append, firstDay } = this.#deps;
    const from = firstDay() ?? "";
    const doubts = this.#jobs.doubts().filter(({ job_id }) => (parseJobId(job_id)?.day ?? from) >= from);
    const newest = this.#jobs.newestId(this.#day);
    const drafts: Draft[] = doubts.map(draftOf);
    if (newest !== undefined) drafts.push({ event: "job", job_id: newest, reason: carriedReason });
    // Nobody waits for these; a log that can't be written says so itself and ends the process.
    for (const draft of drafts) if (!this.#said.has(saidBy(draft))) append(draft).catch(() => {});
  }
}

/** A job's doubt and its id's number are said apart. */
function saidBy({ job_id, result }: Draft): string {
  return `${job_id} ${result ?? ""}`;
}

function draftOf({ audit_id, job_id, action, story_id, plan_id }: Doubt): Draft {
  return { event: "job", audit_id, job_id, action, story_id, plan_id, result: "unknown", reason: carriedReason };
}
