import { exitCodes } from "../lib/errors.ts";
import { actions } from "../wire/dispatch.ts";
import type { ApiRequest } from "../wire/client.ts";
import { apiRequest } from "../wire/client.ts";
import { jobsAnswerSchema, statusAnswerSchema } from "./answers.ts";
import type { Api } from "./api.ts";
import { subjectOf } from "./dispatch-request.ts";

/** What an argument can name; `subject` is a story or a plan, `dispatch` a job or an audit id. */
export const idKinds = ["subject", "story", "plan", "job", "audit", "dispatch"] as const;
export type IdKind = (typeof idKinds)[number];

/** Somebody waits with a finger on the Tab key. */
const patienceMs = 1_000;
const jobsRead = 100;
/** More than this nobody reads in a completion. */
const idsMax = 1_000;
/** The API's own pattern. Shells expand what a completion prints, so nothing else may ever come out of here. */
const idPattern = /^[A-Za-z0-9][A-Za-z0-9._:-]{0,127}$/;

/** The ids that an action can be about: stories or plans; both when it is none of ours; undefined when it takes none. */
export function subjectKind(word: string | undefined): IdKind | undefined {
  const action = actions.find((one) => one === word);
  return action === undefined ? "subject" : subjectOf(action);
}

/** Prints the ids that the gateway knows, one a line, newest first. Prints none when it can't be asked, and says nothing. */
export async function printIds(api: Api, kind: IdKind, print: (text: string) => void): Promise<number> {
  const [jobs, podium] = await Promise.all([
    answer(api, apiRequest("get", "/api/orchestrator/jobs", { query: { limit: jobsRead } })),
    isOnRecord(kind) ? undefined : answer(api, apiRequest("get", "/api/orchestrator/status")),
  ]);
  const ids = new Set([...idsInPodium(podium, kind), ...idsInJobs(jobs, kind)]);
  print(
    [...ids]
      .filter((id) => idPattern.test(id))
      .slice(0, idsMax)
      .map((id) => `${id}\n`)
      .join(""),
  );
  return exitCodes.done;
}

async function answer(api: Api, request: ApiRequest): Promise<unknown> {
  try {
    return (await api.send(request, { timeoutMs: patienceMs })).json;
  } catch {
    return undefined;
  }
}

/** Known to our own record alone. */
function isOnRecord(kind: IdKind): boolean {
  return kind === "job" || kind === "audit" || kind === "dispatch";
}

function idsInJobs(body: unknown, kind: IdKind): string[] {
  const jobs = jobsAnswerSchema.safeParse(body).data?.jobs ?? [];
  return jobs.flatMap(({ job_id, audit_id, story_id, plan_id }) => {
    if (kind === "job") return job_id;
    if (kind === "audit") return audit_id ?? [];
    if (kind === "dispatch") return [job_id, audit_id ?? []].flat();
    return [...(kind === "plan" ? [] : [story_id ?? []]), ...(kind === "story" ? [] : [plan_id ?? []])].flat();
  });
}

/** As Podium's status is known to name them; whatever has another shape is left out. */
function idsInPodium(body: unknown, kind: IdKind): string[] {
  if (isOnRecord(kind)) return [];
  const podium = statusAnswerSchema.safeParse(body).data?.podium;
  return [
    ...(kind === "plan" ? [] : listIn(podium, "stories", "storyId")),
    ...(kind === "story" ? [] : listIn(podium, "plans", "planId")),
  ];
}

function listIn(podium: unknown, list: string, name: string): string[] {
  const items = (podium as Record<string, unknown> | null | undefined)?.[list];
  if (!Array.isArray(items)) return [];
  return items.flatMap((item: Record<string, unknown> | null) => {
    const id = item?.[name] ?? item?.["id"];
    return typeof id === "string" ? id : [];
  });
}
