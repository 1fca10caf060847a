import { nearest } from "../config/nearest.ts";
import { exitCodes } from "../lib/errors.ts";
import { actions, jobStatuses } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import { jobsPageMax, jobsQuerySchema } from "../wire/jobs.ts";
import { apiRequest } from "../wire/client.ts";
import type { JobAnswer } from "./answers.ts";
import { jobsAnswerSchema } from "./answers.ts";
import { expectReply, reaching } from "./api.ts";
import type { Client } from "./client.ts";
import { clientCommand } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { table } from "./columns.ts";
import { trimmed } from "./dispatch-request.ts";
import { jobTable } from "./job-columns.ts";
import type { CommandSpec } from "./options.ts";
import { programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";
import { withProgress } from "./progress.ts";
import { answeredWord, shownStatus } from "./shown-status.ts";

/** Ours, and those that Podium is known to use; it may have others, so that any word can be asked for. */
const statusWords = [...new Set([...jobStatuses, "todo", "in_progress", "blocked", "done", "cancelled"])];

export const jobsCommand = {
  name: "jobs",
  summary: "List dispatches, newest first",
  usage: "[options]",
  options: [
    {
      name: "status",
      value: "WORD",
      summary: `Only these: our word or Podium's, such as failed; what is shown as ${answeredWord} is queued here`,
      choices: statusWords,
    },
    { name: "story", value: "STORY", summary: "Only of this story" },
    { name: "action", value: "ACTION", summary: "Only this action", choices: actions },
    { name: "user", value: "NAME", summary: "Only by this user" },
    { name: "day", value: "DAY", summary: "Only of this UTC day, such as 2026-01-09" },
    { name: "limit", value: "NUMBER", short: "n", summary: `How many, up to ${jobsPageMax}; default 50` },
    { name: "cursor", value: "CURSOR", summary: "Go on where an earlier list ended" },
    ...clientOptions,
  ],
  examples: [`${programName} jobs -n 10`, `${programName} jobs --status failed --day 2026-01-09 --json`],
} as const satisfies CommandSpec;

/** In a pipe, which has no heading. */
const columns = ["job", "action", "about", "status", "podium", "created", "user"].map((title) => ({ title }));

/** `jobs`. */
export const runJobs = clientCommand(jobsCommand, async (client) => {
  const { api, screen, runtime } = client;
  const work = reaching(api, api.send(apiRequest("get", "/api/orchestrator/jobs", { query: queryOf(client) })));
  const reply = await withProgress(runtime, "Reading jobs", work);
  const { jobs, next } = expectReply(api.url, reply, jobsAnswerSchema);
  if (client.json) {
    client.printJson(reply.text);
    return exitCodes.done;
  }
  if (!screen.isTerminal) client.print(table(screen, columns, jobs.map(rowOf)));
  else client.print(jobs.length === 0 ? "No jobs\n" : jobTable(screen, jobs, Date.now()));
  if (jobs.length === 0) tellOddStatus(client);
  if (next) runtime.process.stderr(`More: the same with --cursor ${printable(next)}\n`);
  return exitCodes.done;
});

/** Nothing found by a word that nobody is known to say may be a slip. */
function tellOddStatus({ options, runtime }: Client<typeof jobsCommand>): void {
  const word = trimmed(options.value("status") ?? "");
  if (word === "" || statusWords.includes(word)) return;
  const near = word === answeredWord ? "queued" : nearest(word, statusWords);
  const hint = near === undefined ? `the usual words are ${statusWords.join(", ")}` : `nearest usual word: ${near}`;
  runtime.process.stderr(`No job has the status ${JSON.stringify(printable(word))} (${hint})\n`);
}

/** Checked by the server's own schema first, so that a slip is a usage error and not a round trip. */
function queryOf({ command, options }: Client<typeof jobsCommand>): Record<string, string> {
  const names = ["status", "story", "action", "user", "day", "limit", "cursor"] as const;
  const given = names.flatMap((name): [string, string][] => {
    const value = options.value(name);
    return value === undefined ? [] : [[name, trimmed(value)]];
  });
  const query = Object.fromEntries(given);
  const checked = jobsQuerySchema.safeParse(query);
  if (checked.success) return query;
  const faults = faultsOf(checked.error).map(({ pointer, detail }) => `--${pointer.slice(1)}: ${detail}`);
  throw usageError(command, faults.join("; "));
}

function rowOf(job: JobAnswer): string[] {
  const { job_id: jobId, action, podium_status: podium, created_at: created, user_id: user } = job;
  return [jobId, action, job.story_id ?? job.plan_id ?? "", shownStatus(job), podium ?? "", created ?? "", user ?? ""];
}
