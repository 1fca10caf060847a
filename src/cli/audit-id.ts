import type { ReadDeps } from "../audit/read.ts";
import { readDispatch, readJob } from "../audit/read.ts";
import { Fatal } from "../lib/errors.ts";
import { parseJobId, ulidTime } from "../lib/ids.ts";
import { trimmed } from "./dispatch-request.ts";
import type { CommandSpec } from "./options.ts";
import { programName, usageError } from "./options.ts";
import { printable } from "./printable.ts";

/** One dispatch of the log. */
export interface DispatchRecords {
  readonly auditId: string;
  /** In order, at least one. */
  readonly records: Awaited<ReturnType<typeof readDispatch>>;
}

/**
 * All records of a dispatch, by its audit id or by its job's id, as people paste them.
 * @throws Fatal: exit code 2 when the word is neither, 1 when the log holds no records of it
 */
export async function dispatchRecords(command: CommandSpec, deps: ReadDeps, word: string): Promise<DispatchRecords> {
  const id = trimmed(word).toUpperCase();
  const isJob = parseJobId(id) !== undefined;
  if (!isJob && ulidTime(id.replace(/^AUD-/, "")) === undefined) throw usageError(command, neither(word));
  const auditId = isJob ? (await readJob(deps, id)).find(({ audit_id }) => audit_id !== undefined)?.audit_id : id;
  const records = auditId === undefined ? [] : await readDispatch(deps, auditId);
  if (auditId === undefined || records.length === 0) throw new Fatal(`The audit log holds no records of ${id}`);
  return { auditId, records };
}

function neither(word: string): string {
  const shown = JSON.stringify(printable(word).slice(0, 60));
  const remedy = `${programName} jobs lists jobs, with --story those of a story`;
  return `${shown} is neither an audit id (AUD-…) nor a job id (JOB-20260109-001); ${remedy}`;
}
