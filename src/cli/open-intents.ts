import type { AuditLog } from "../audit/log.ts";
import type { JobStore } from "../jobs/store.ts";
import type { Log } from "../lib/log.ts";

/**
 * After a crash, what was on its way has an unknown fate: said in the log before anything new happens. Never re-sent.
 * If we crash in here, the intents that are still open are closed by the next start.
 */
export async function closeOpenIntents(audit: AuditLog, jobs: JobStore, log: Log): Promise<void> {
  const open = jobs.withoutOutcome();
  if (open.length === 0) return;
  log.warn("outcomes_unknown", { jobs: open.map(({ job_id }) => job_id).join(" ") });
  await audit.appendMany(
    open.map((job) => ({
      event: "unknown",
      audit_id: job.audit_id,
      job_id: job.job_id,
      action: job.action,
      story_id: job.story_id,
      plan_id: job.plan_id,
      source: job.source,
      user_id: job.user_id,
      result: "unknown",
      code: "podium_timeout",
      retry: "same-key",
      detail: "roxy-core ended before the outcome was recorded; the command may have been executed",
    })),
  );
}
