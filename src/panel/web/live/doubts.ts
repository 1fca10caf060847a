import { apiRequest } from "../../../wire/client.ts";
import type { PlainProblem, Requests } from "../api/requests.ts";
import { recordsIn } from "../state/audit.ts";
import type { Job } from "../state/jobs.ts";
import type { Command } from "./commander.ts";
import type { Attempt, Store } from "./store.ts";

/** A press of which nobody knows whether it ran. */
interface Doubt {
  readonly key: string;
  /** As it stands on the page; when another stands there, there is nothing left to correct. */
  readonly attempt: Attempt;
}

interface OpenDoubt extends Doubt {
  jobId?: string;
  /** Jobs that are not its own. */
  readonly others: Set<string>;
}

const readMs = 12_000;
/** A press is among the newest dispatches of its story, or it never arrived. */
const newestMax = 3;

/** Finds out from the log what became of presses whose answer never came: their keys stand in their intents. */
export class Doubts {
  readonly #requests: Requests;
  readonly #store: Store;
  readonly #onLearnt: (key: string, attempt: Attempt) => void;
  /** One a button at most, as long as its words stand there. */
  readonly #open = new Map<string, OpenDoubt>();

  constructor(requests: Requests, store: Store, onLearnt: (key: string, attempt: Attempt) => void) {
    this.#requests = requests;
    this.#store = store;
    this.#onLearnt = onLearnt;
  }

  add(subject: string, doubt: Doubt): void {
    this.#open.set(subject, { ...doubt, others: new Set() });
  }

  /** @param jobs as just read, newest first */
  learn(jobs: readonly Job[]): void {
    for (const [subject, doubt] of this.#open) {
      if (!this.#stands(subject, doubt)) {
        this.#open.delete(subject);
        continue;
      }
      const job = jobs.find(({ jobId }) => jobId === doubt.jobId);
      if (job) this.#tell(subject, doubt, job);
      else void this.#search(subject, doubt, jobs);
    }
  }

  async #search(subject: string, doubt: OpenDoubt, jobs: readonly Job[]): Promise<void> {
    const newest = jobs.filter((job) => isAbout(job, doubt.attempt.command)).slice(0, newestMax);
    for (const job of newest.filter(({ jobId }) => !doubt.others.has(jobId))) {
      const request = apiRequest("get", "/api/orchestrator/audit/{audit_id}", { params: { audit_id: job.auditId } });
      const reply = await this.#requests.send(request, { timeoutMs: readMs });
      if (!reply.ok) return;
      if (recordsIn(reply.body).some((record) => record["idempotency_key"] === doubt.key)) {
        doubt.jobId = job.jobId;
        return this.#tell(subject, doubt, job);
      }
      doubt.others.add(job.jobId);
    }
  }

  #tell(subject: string, doubt: OpenDoubt, job: Job): void {
    const attempt = attemptOfJob(doubt.attempt, job);
    if (!attempt || !this.#stands(subject, doubt)) return;
    this.#open.delete(subject);
    this.#onLearnt(doubt.key, attempt);
  }

  #stands(subject: string, { attempt }: Doubt): boolean {
    return this.#store.state.attempts.get(subject) === attempt;
  }
}

function isAbout(job: Job, { action, story_id, plan_id }: Command): boolean {
  return job.action === action && job.storyId === story_id && job.planId === plan_id && job.source === "web-panel";
}

/** What a job says of the press that made it; undefined while it says nothing either. */
function attemptOfJob({ command, startedMs, place }: Attempt, job: Job): Attempt | undefined {
  const { jobId, auditId, status, answeredAt = "", prepared = {}, detail = "", code } = job;
  const endedMs = Date.parse(answeredAt) || Date.now();
  const pressed = { command, startedMs, endedMs, fromLog: true, ...(place !== undefined && { place }) };
  if (status === "queued") {
    const answer = { jobId, auditId, replayed: false, result: prepared };
    return { phase: "accepted", ...pressed, answer };
  }
  const isRefused = status === "rejected";
  if (!isRefused && status !== "failed") return undefined;
  const problem: PlainProblem = {
    code: code ?? (isRefused ? "podium_rejected" : "not_sent"),
    title: isRefused ? "Podium refused the command" : "Not sent",
    detail,
    retry: "safe",
    httpStatus: 0,
    faults: [],
    jobId,
    auditId,
  };
  return { phase: "failed", ...pressed, problem };
}
