import { Hono } from "hono";
import { parseJobId } from "../lib/ids.ts";
import type { JobArchive } from "../jobs/archive.ts";
import type { Job } from "../jobs/job.ts";
import type { JobsQuery } from "../wire/jobs.ts";
import { jobsQuerySchema } from "../wire/jobs.ts";
import type { HttpEnv } from "./app.ts";
import { callerOf } from "./caller.ts";
import { streamUrl } from "./dispatch.ts";
import { notFound } from "./problem.ts";
import { invalid, parseQuery } from "../wire/query.ts";
import { jsonResponse } from "./json-response.ts";
import { asJson, jsonWith } from "../wire/raw-json.ts";

export interface JobRouteDeps {
  readonly archive: Pick<JobArchive, "find" | "list" | "firstDay" | "holdsBeginning">;
}

/** `GET /api/orchestrator/status/{job_id}`: what became of one dispatch. `GET /api/orchestrator/jobs`: of all. */
export function jobRoutes({ archive }: JobRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/orchestrator/status/:job_id", async (c) => {
      const job = await requireJob(archive, c.req.param("job_id"), callerOf(c));
      return jsonResponse(jobJson(job, c.req.raw, { success: true }));
    })
    .get("/api/orchestrator/jobs", async (c) => {
      const query = parseQuery(jobsQuerySchema, c.req.queries());
      const { jobs, nextBefore } = await archive.list(query, positionOf(query), callerOf(c));
      const list = `[${jobs.map((job) => jobJson(job, c.req.raw)).join(",")}]`;
      const next = nextBefore === undefined ? null : cursorOf(query, nextBefore);
      return jsonResponse(jsonWith({ success: true, next }, { jobs: list }));
    });
}

/** @throws Problem `not_found` or, for what can't be a job id, `invalid_request` */
export async function requireJob(archive: JobRouteDeps["archive"], jobId: string, signal?: AbortSignal): Promise<Job> {
  const id = parseJobId(jobId);
  if (!id) throw invalid("/job_id", "A job id looks like JOB-20260109-001");
  const job = await archive.find(jobId, signal);
  if (job) return job;
  const firstDay = archive.firstDay();
  if (firstDay !== undefined && id.day < firstDay) {
    if (archive.holdsBeginning()) throw notFound(`No job ${jobId} is in the audit log, which begins on ${firstDay}`);
    throw notFound(`The log of ${id.day} is no longer kept (audit.retention_days): it begins on ${firstDay}`);
  }
  throw notFound(`No job ${jobId} is in the audit log`);
}

function jobJson(
  { podium_response, podium_response_bytes: podium_result_bytes, podium_asked: _seq, last_event, ...job }: Job,
  request: Request,
  first = {},
): string {
  const own = { podium_status: job.podium_status ?? null, stream_url: streamUrl(request, job.job_id) };
  return jsonWith(
    { ...first, ...job, podium_result_bytes, ...own },
    { podium_result: asJson(podium_response), last_event: asJson(last_event) },
  );
}

/** A cursor belongs to its filter: with another one it would skip jobs silently. */
function filterOf({ status, story, action, user, day }: JobsQuery): string {
  return JSON.stringify([status, story, action, user, day]);
}

function cursorOf(query: JobsQuery, before: string): string {
  const bytes = new TextEncoder().encode(`${before} ${filterOf(query)}`);
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

function positionOf(query: JobsQuery): string | undefined {
  if (query.cursor === undefined) return undefined;
  let text = "";
  try {
    const bytes = Uint8Array.from(atob(query.cursor.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
    text = new TextDecoder().decode(bytes);
  } catch {
    throw invalid("/cursor", "Not a cursor of ours");
  }
  const space = text.indexOf(" ");
  const before = text.slice(0, space);
  if (!parseJobId(before)) throw invalid("/cursor", "Not a cursor of ours");
  if (text.slice(space + 1) !== filterOf(query)) throw invalid("/cursor", "This cursor belongs to another filter");
  return before;
}
