import type { z } from "zod";
import type { DispatchRequest } from "../wire/dispatch.ts";
import type { dispatchedSchema } from "./answers.ts";
import { fieldList } from "./columns.ts";
import { programName } from "./options.ts";
import { podiumText } from "./podium-text.ts";
import { printable, printableLines, shellWord } from "./printable.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";
import { shownStatus } from "./shown-status.ts";

type Dispatched = z.output<typeof dispatchedSchema>;

/** What an accepted dispatch looks like to a person. @param followed what comes next is shown anyway */
export function dispatchText(
  screen: Screen,
  request: DispatchRequest,
  dispatched: Dispatched,
  followed: boolean,
): string {
  const { job_id: jobId, audit_id: auditId, receipt, podium_result: result } = dispatched;
  const status = shownStatus({ action: request.action, status: dispatched.status });
  const style = styleOfStatus(status);
  const word = printable(status);
  const fields = fieldList(screen, [
    ["job", screen.paint("bold", printable(jobId))],
    ["action", [request.action, idOf(request)].filter(Boolean).join(" ")],
    ["status", style === undefined ? word : screen.paint(style, word)],
    ["audit", printable(auditId)],
    ["receipt", receipt && printable(`${receipt.seq} ${receipt.hash}`)],
    ["podium", request.action === "status" ? undefined : messageIn(result)],
    ["next", followed ? undefined : nextStep(request, jobId, result)],
  ]);
  if (request.action === "status") return fields + podiumText(screen, result);
  // Whoever is about to confirm a plan should see all that Podium says of it.
  const staged = request.action === "prepare_apply" ? `${printableLines(JSON.stringify(result, null, 2))}\n` : "";
  return fields + staged;
}

/** The story or plan that a dispatch is about. */
export function idOf({ payload = {} }: DispatchRequest): string | undefined {
  if ("story_id" in payload) return payload.story_id;
  return "plan_id" in payload ? payload.plan_id : undefined;
}

function messageIn(result: unknown): string | undefined {
  const { message } = (result ?? {}) as { message?: unknown };
  return typeof message === "string" ? printable(message) : undefined;
}

function nextStep(request: DispatchRequest, jobId: string, result: unknown): string | undefined {
  const id = idOf(request) ?? "";
  const { nonce } = (result ?? {}) as { nonce?: unknown };
  if (request.action === "enqueue_story" || request.action === "enqueue_plan") {
    return `${programName} watch ${shellWord(jobId)}`;
  }
  if (request.action === "apply_plan") return `${programName} dispatch enqueue_plan ${id}`;
  if (request.action !== "prepare_apply" || typeof nonce !== "string") return undefined;
  return `${programName} dispatch apply_plan ${id} --nonce=${shellWord(nonce)}`;
}
