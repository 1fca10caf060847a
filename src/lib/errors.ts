/**
 * The one error class that may reach a client, and the closed list of codes it may carry.
 * A Problem is made where the fact is known and turned into a response (or an exit code) once, at the edge.
 */

/**
 * What the caller may do next.
 * `safe`: nothing was executed, the same request may be sent again at will.
 * `same-key`: the outcome is unknown, repeat with the same Idempotency-Key only.
 * `never`: nothing was executed and the same request can't succeed; change it first.
 */
export type Retry = "safe" | "same-key" | "never";

/** Each code with its HTTP status, its default retry verdict and its short title (RFC 9457 `title`). */
export const problemCodes = {
  invalid_request: { status: 400, retry: "never", title: "The request is not valid" },
  unauthorized: { status: 401, retry: "never", title: "A valid token is needed" },
  forbidden_host: { status: 403, retry: "never", title: "This Host is not allowed" },
  forbidden_origin: { status: 403, retry: "never", title: "This Origin is not allowed" },
  forbidden_role: { status: 403, retry: "never", title: "This token may only read" },
  not_found: { status: 404, retry: "never", title: "Not found" },
  method_not_allowed: { status: 405, retry: "never", title: "Method not allowed" },
  too_slow: { status: 408, retry: "safe", title: "The request took too long to arrive" },
  in_flight: { status: 409, retry: "same-key", title: "A request with this key is being worked on" },
  too_large: { status: 413, retry: "never", title: "The body is too large" },
  unsupported_media_type: { status: 415, retry: "never", title: "The body must be JSON" },
  idempotency_mismatch: { status: 422, retry: "never", title: "This key belongs to another request" },
  rate_limited: { status: 429, retry: "safe", title: "Too many requests" },
  story_cooldown: { status: 429, retry: "safe", title: "This story was dispatched a moment ago" },
  internal_error: { status: 500, retry: "same-key", title: "roxy-core failed" },
  podium_unreachable: { status: 502, retry: "safe", title: "Podium can't be reached" },
  podium_rejected: { status: 502, retry: "safe", title: "Podium refused the command" },
  podium_invalid_response: { status: 502, retry: "same-key", title: "Podium's answer settles nothing" },
  audit_unavailable: { status: 503, retry: "safe", title: "The audit log can't be used" },
  queue_full: { status: 503, retry: "safe", title: "Too many dispatches are waiting" },
  too_many_clients: { status: 503, retry: "safe", title: "Too many stream clients" },
  shutting_down: { status: 503, retry: "safe", title: "roxy-core is shutting down" },
  cancelled_by_halt: { status: 503, retry: "safe", title: "Cancelled by a halt before it was sent" },
  cancelled_by_client: { status: 503, retry: "safe", title: "The client hung up before it was sent" },
  podium_timeout: { status: 504, retry: "same-key", title: "Podium did not answer in time" },
} as const satisfies Record<string, { status: number; retry: Retry; title: string }>;

export type ProblemCode = keyof typeof problemCodes;

/** One fault in a request: where (RFC 6901 JSON Pointer) and what. */
export interface Fault {
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemExtras {
  readonly retry?: Retry;
  readonly errors?: readonly Fault[];
  readonly audit_id?: string;
  readonly job_id?: string;
  /** Whole seconds, sent as Retry-After. */
  readonly retryAfterS?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly cause?: unknown;
}

export class Problem extends Error {
  override readonly name = "Problem";
  readonly code: ProblemCode;
  readonly status: number;
  readonly retry: Retry;
  readonly extras: ProblemExtras;

  /** @param detail plain words: what happened, whether anything was executed, what to do */
  constructor(code: ProblemCode, detail: string, extras: ProblemExtras = {}) {
    super(detail, extras.cause === undefined ? undefined : { cause: extras.cause });
    this.code = code;
    this.status = problemCodes[code].status;
    this.retry = extras.retry ?? problemCodes[code].retry;
    this.extras = extras;
  }

  /** The same problem with more known about it, such as the ids it got later. */
  with(extras: ProblemExtras): Problem {
    return new Problem(this.code, this.message, { ...this.extras, ...extras });
  }
}

/** Exit codes of the command line (API contract). */
export const exitCodes = { done: 0, failed: 1, usage: 2, unreachable: 3, integrity: 4 } as const;

/** An error that ends the process: a message for people, an exit code for scripts. */
export class Fatal extends Error {
  override readonly name = "Fatal";
  readonly exitCode: number;

  /** @param message what is wrong, where, and what to do about it; no secret, no stack */
  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The words of anything thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
