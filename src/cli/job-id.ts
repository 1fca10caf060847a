import { parseJobId } from "../lib/ids.ts";
import { trimmed } from "./dispatch-request.ts";
import type { CommandSpec } from "./options.ts";
import { usageError } from "./options.ts";
import { printable } from "./printable.ts";

/** A job id as people type or paste it. @throws Fatal with exit code 2 */
export function jobIdOf(command: CommandSpec, word: string): string {
  const id = trimmed(word).toUpperCase();
  if (parseJobId(id)) return id;
  throw usageError(
    command,
    `${JSON.stringify(printable(word).slice(0, 60))} is no job id: they look like JOB-20260109-001`,
  );
}
