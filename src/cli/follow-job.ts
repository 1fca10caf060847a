import { exitCodes } from "../lib/errors.ts";
import { apiRequest } from "../wire/client.ts";
import type { JobAnswer } from "./answers.ts";
import { jobSchema } from "./answers.ts";
import { expectReply, reaching } from "./api.ts";
import type { Client } from "./client.ts";
import { followEvents } from "./follow-events.ts";
import { frameLine } from "./frame-text.ts";
import type { JobOutcome } from "./job-outcome.ts";
import { jobOutcome, storiesIn } from "./job-outcome.ts";
import { programName } from "./options.ts";
import { printable } from "./printable.ts";
import { withProgress } from "./progress.ts";
import { styleOfStatus } from "./screen.ts";
import { shownStatus } from "./shown-status.ts";
import type { Stop } from "./stop.ts";
import { unlessStopped } from "./stop.ts";

export interface FollowJobOptions {
  /** Cursor of the stream before the job was made. */
  readonly since?: string;
  readonly stop: Stop;
  /** Podium's answer to the dispatch, where the caller has it. */
  readonly answer?: unknown;
}

/** A restart takes seconds, an update a minute; a gateway that stays away longer is somebody's problem. */
const lostMs = 120_000;

/** Shows what happens to a job until it has ended. @returns the exit code: 0 when it ended well, 1 when it did not */
export async function followJob(client: Client, jobId: string, options: FollowJobOptions): Promise<number> {
  const { stop } = options;
  const asking = unlessStopped(jobNow(client, jobId), stop);
  const job = await withProgress(client.runtime, "Waiting for the gateway", asking);
  if (!job) return interrupted(client, jobId, "may go on");
  const progress = jobOutcome(job, storiesIn(options.answer ?? job.podium_result));
  // With a cursor every step is still to come, even of a story that has ended meanwhile; without one there is only this.
  if (!options.since) progress.takeJob(job);
  const hasRun = job.action === "enqueue_story" || job.action === "enqueue_plan";
  if (!hasRun) return ended(client, job, shownStatus(job), job.status === "queued");
  const told = progress.outcome;
  if (told) return ended(client, job, told.word, told.good);
  await watchFrames(client, job, progress, options.since, stop);
  // Who comes back after the end hears only that there is nothing more to come: the record has the last word.
  const last = progress.outcome ? job : await unlessStopped(jobNow(client, jobId), stop);
  if (!last) return interrupted(client, jobId, "goes on");
  if (!progress.outcome) progress.takeJob(last);
  const { good, word } = progress.outcome ?? { good: false, word: progress.lastWord ?? last.status };
  return ended(client, last, word, good);
}

async function watchFrames(
  client: Client,
  job: JobAnswer,
  progress: JobOutcome,
  since: string | undefined,
  stop: Stop,
): Promise<void> {
  const { api, screen, runtime } = client;
  const isOver = async (): Promise<boolean> => {
    if (progress.outcome) return true;
    const now = await unlessStopped(jobNow(client, job.job_id), stop).catch(() => undefined);
    if (now) progress.takeJob(now);
    return progress.outcome !== undefined;
  };
  const query = since === undefined || since === "" ? {} : { since };
  const path = `/api/orchestrator/events/${encodeURIComponent(job.job_id)}`;
  for await (const notice of followEvents(api, { path, query, stop, lostMs, isOver })) {
    if (notice.kind === "frame") {
      progress.take(notice.text);
      if (client.json) client.printJson(notice.text);
      else client.print(frameLine(screen, notice.text));
    } else runtime.process.stderr(connectionWords(notice));
    if (progress.outcome) return;
  }
}

/** On standard error, as a line of its own. */
export function connectionWords(
  notice: { readonly kind: "lost"; readonly detail: string } | { readonly kind: "back" },
): string {
  if (notice.kind === "back") return "Connected again\n";
  return `${printable(`Lost the gateway (${notice.detail}): trying again; what was started goes on`)}\n`;
}

async function jobNow({ api }: Client, jobId: string): Promise<JobAnswer> {
  const work = api.send(apiRequest("get", "/api/orchestrator/status/{job_id}", { params: { job_id: jobId } }));
  return expectReply(api.url, await reaching(api, work), jobSchema);
}

function ended(client: Client, job: JobAnswer, word: string, good: boolean): number {
  const style = styleOfStatus(word) ?? (good ? "green" : "red");
  const about = [job.action, job.story_id ?? job.plan_id].filter((part) => part !== undefined).join(" ");
  if (!client.json) {
    client.print(`${printable(job.job_id)} (${printable(about)}): ${client.screen.paint(style, printable(word))}\n`);
    if (!good && job.detail !== undefined) client.print(`${printable(job.detail)}\n`);
  }
  return good ? exitCodes.done : exitCodes.failed;
}

/** 1, not 0: a script could take that for the outcome. */
function interrupted({ runtime }: Client, id: string, what: string): number {
  const jobId = printable(id);
  runtime.process.stderr(`${jobId} ${what}; to follow it again: ${programName} watch ${jobId}\n`);
  return exitCodes.failed;
}
