import type { JobAnswer } from "./answers.ts";
import { fieldList } from "./columns.ts";
import { printable } from "./printable.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";
import { shownStatus } from "./shown-status.ts";

/** All that is known of one job, for a person. */
export function jobText(screen: Screen, job: JobAnswer): string {
  const word = (status: string | null | undefined): string | undefined => {
    if (!status) return undefined;
    const style = styleOfStatus(status);
    return style === undefined ? printable(status) : screen.paint(style, printable(status));
  };
  const plain = (value: string | undefined): string | undefined => value && printable(value);
  return fieldList(screen, [
    ["job", screen.paint("bold", printable(job.job_id))],
    ["action", printable(job.action)],
    ["story", plain(job.story_id)],
    ["plan", plain(job.plan_id)],
    ["status", word(shownStatus(job))],
    ["podium", word(job.podium_status)],
    ["problem", job.code && printable(`${job.detail ?? ""} (${job.code})`)],
    ["retry", plain(job.retry)],
    ["user", job.user_id && printable(`${job.user_id} (${job.auth_mode ?? "?"})`)],
    ["source", plain(job.source)],
    ["created", plain(job.created_at)],
    ["answered", plain(job.answered_at)],
    ["changed", plain(job.podium_at)],
    ["audit", plain(job.audit_id)],
    ["receipt", job.receipt && printable(`${job.receipt.seq} ${job.receipt.hash}`)],
    ["answer", json(job.podium_result)],
    ["last event", json(job.last_event)],
  ]);
}

function json(value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  return printable(typeof value === "string" ? value : JSON.stringify(value));
}
