import { z } from "zod";
import type { Fault, Problem, ProblemCode } from "../lib/errors.ts";
import { problemCodes } from "../lib/errors.ts";
import { plainWords } from "./plain-words.ts";

// Set once for the whole program: only while it is made does an issue know what was given. A schema's own words go first.
z.config({ customError: plainWords });

/** RFC 9457 `application/problem+json`, with our members. */
export const problemSchema = z.object({
  success: z.literal(false),
  type: z.string(),
  title: z.string(),
  status: z.int(),
  code: z.enum(Object.keys(problemCodes) as [ProblemCode, ...ProblemCode[]]),
  detail: z.string(),
  retry: z.enum(["safe", "same-key", "never"]),
  errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  audit_id: z.string().optional(),
  job_id: z.string().optional(),
});
export type ProblemDocument = z.infer<typeof problemSchema>;

export function problemDocument(problem: Problem): ProblemDocument {
  const { errors, audit_id, job_id } = problem.extras;
  return {
    success: false,
    type: "about:blank",
    title: problemCodes[problem.code].title,
    status: problem.status,
    code: problem.code,
    detail: problem.message,
    retry: problem.retry,
    ...(errors && { errors: [...errors] }),
    ...(audit_id && { audit_id }),
    ...(job_id && { job_id }),
  };
}

/** zod's issues as faults with JSON Pointers (RFC 6901); unknown keys are named one by one. */
export function faultsOf(error: z.ZodError): Fault[] {
  return error.issues.flatMap((issue): Fault[] => {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      return issue.keys.map((key) => ({ pointer: pointerOf([...path, key]), detail: "Unknown key" }));
    }
    if (issue.code === "invalid_key") {
      return [{ pointer: pointerOf(path), detail: issue.issues[0]?.message ?? issue.message }];
    }
    return [{ pointer: pointerOf(path), detail: issue.message }];
  });
}

/** RFC 6901: `~` becomes `~0`, `/` becomes `~1`. */
export function pointerOf(path: readonly string[]): string {
  return path.map((part) => `/${part.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
