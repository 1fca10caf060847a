import { Problem } from "../lib/errors.ts";
import { problemDocument } from "../wire/problem.ts";
import { jsonWith } from "../wire/raw-json.ts";

/**
 * The one place where an error becomes an answer (RFC 9457).
 * @param extra further members of the document, such as the gateway's own state when Podium is down
 */
export function problemResponse(problem: Problem, extra: Readonly<Record<string, unknown>> = {}): Response {
  const { retryAfterS, headers } = problem.extras;
  return new Response(jsonWith({ ...problemDocument(problem), ...extra }, {}), {
    status: problem.status,
    headers: {
      "content-type": "application/problem+json",
      ...headers,
      ...(retryAfterS !== undefined && { "retry-after": String(retryAfterS) }),
    },
  });
}

export function notFound(what: string): Problem {
  return new Problem("not_found", what);
}
