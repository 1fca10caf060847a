import { Hono } from "hono";
import { Problem } from "../lib/errors.ts";
import { parseJobId } from "../lib/ids.ts";
import type { Job } from "../jobs/job.ts";
import type { HttpEnv } from "./app.ts";
import { streamUrl } from "./dispatch.ts";
import { notFound } from "./problem.ts";
import { asJson, jsonResponse, jsonWith } from "./raw-json.ts";

export interface JobRouteDeps {
  /** A job from memory or, when it is older, from the log. */
  readonly findJob: (jobId: string) => Promise<Job | undefined>;
}

/** `GET /api/orchestrator/status/{job_id}`: what became of one dispatch. */
export function jobRoutes({ findJob }: JobRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>().get("/api/orchestrator/status/:job_id", async (c) => {
    const job = await requireJob(findJob, c.req.param("job_id"));
    return jsonResponse(jobJson(job, c.req.raw));
  });
}

/** @throws Problem `not_found` or, for what can't be a job id, `invalid_request` */
export async function requireJob(find: JobRouteDeps["findJob"], jobId: string): Promise<Job> {
  if (!parseJobId(jobId)) {
    throw new Problem("invalid_request", "A job id looks like JOB-20260109-001", {
      errors: [{ pointer: "/job_id", detail: "Not a job id" }],
    });
  }
  const job = await find(jobId);
  if (!job) throw notFound(`No job ${jobId} is in the audit log`);
  return job;
}

function jobJson({ podium_response, last_event, ...job }: Job, request: Request): string {
  return jsonWith(
    { success: true, podium_status: null, ...job, stream_url: streamUrl(request, job.job_id) },
    { podium_result: asJson(podium_response), last_event: asJson(last_event) },
  );
}
