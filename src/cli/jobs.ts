import { exitCodes } from "../lib/errors.ts";
import { actions } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import { jobsPageMax, jobsQuerySchema } from "../wire/jobs.ts";
import { apiRequest } from "../wire/client.ts";
import type { JobAnswer } from "./answers.ts";
import { jobsAnswerSchema } from "./answers.ts";
import { ago } from "./ago.ts";
import { expectReply, reaching } from "./api.ts";
import type { Client } from "./client.ts";
import { clientCommand } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import type { Column } from "./columns.ts";
import { table } from "./columns.ts";
import { trimmed } from "./dispatch-request.ts";
import type { CommandSpec } from "./options.ts";
import { programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";
import { withProgress } from "./progress.ts";
import { styleOfStatus } from "./screen.ts";

export const jobsCommand = {
  name: "jobs",
  summary: "List dispatches, newest first",
  usage: "[options]",
  options: [
    { name: "status", value: "WORD", summary: "Only these: our word or Podium's, such as failed" },
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

const columns: readonly Column[] = [
  { title: "JOB" },
  { title: "ACTION" },
  { title: "ABOUT", columnsMax: 32 },
  { title: "STATUS", columnsMax: 12, style: styleOfStatus },
  { title: "PODIUM", columnsMax: 12, style: styleOfStatus },
  { title: "CREATED" },
  { title: "USER", columnsMax: 24 },
];

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
  client.print(
    jobs.length === 0 && screen.isTerminal
      ? "No jobs\n"
      : table(
          screen,
          columns,
          jobs.map((job) => rowOf(client, job)),
        ),
  );
  if (next) runtime.process.stderr(`More: the same with --cursor ${printable(next)}\n`);
  return exitCodes.done;
});

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

function rowOf({ screen }: Client, job: JobAnswer): string[] {
  const created = job.created_at ?? "";
  return [
    job.job_id,
    job.action,
    job.story_id ?? job.plan_id ?? "",
    job.status,
    job.podium_status ?? "",
    screen.isTerminal ? ago(created, Date.now()) : created,
    job.user_id ?? "",
  ];
}
