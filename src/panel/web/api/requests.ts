import type { Retry } from "../../../lib/errors.ts";
import type { ApiRequest } from "../../../wire/client.ts";
import type { Fields } from "./json.ts";
import { fieldsOf, firstText, listOf, numberOf, parseJson } from "./json.ts";

/** Why a request came to nothing: the gateway's own problem document, or what the browser saw in its place. */
export interface PlainProblem {
  /** A code of the API contract, or one of ours: `gateway_lost`, `gateway_silent`, `let_go`, `unreadable`. */
  readonly code: string;
  readonly title: string;
  readonly detail: string;
  readonly retry: Retry;
  readonly httpStatus: number;
  readonly faults: readonly { readonly pointer: string; readonly detail: string }[];
  readonly jobId?: string;
  readonly auditId?: string;
  readonly retryAfterS?: number;
}

export type Reply =
  | { readonly ok: true; readonly body: Fields; readonly text: string; readonly replayed: boolean }
  | { readonly ok: false; readonly problem: PlainProblem; readonly body: Fields };

export interface SendOptions {
  /** A client token, sent with this one request and kept nowhere. */
  readonly token?: string;
  readonly timeoutMs: number;
}

/** Our own reasons to end a request, told apart from the network's. */
const letGo = "let go";
const tooLong = "too long";

/** Everything this page asks of roxy-core goes through here: one way to be let in, one way to let all of it go. */
export class Requests {
  readonly #open = new Set<AbortController>();
  readonly #onUnauthorized: () => void;
  /** Counts the times of being let in: a refusal of an older request says nothing about the session that began since. */
  #era = 0;

  constructor(onUnauthorized: () => void) {
    this.#onUnauthorized = onUnauthorized;
  }

  /** From now on the session's cookie goes along, which the browser keeps and no script can read. */
  letIn(): void {
    this.#era++;
  }

  /** Never throws: whatever goes wrong is a problem in plain words. */
  async send(request: ApiRequest, options: SendOptions): Promise<Reply> {
    const controller = new AbortController();
    const era = this.#era;
    const timer = setTimeout(() => controller.abort(tooLong), options.timeoutMs);
    this.#open.add(controller);
    try {
      const response = await fetch(request.path, initOf(request, options, controller.signal));
      const reply = replyOf(response, await response.text());
      if (response.status === 401 && era === this.#era) this.#onUnauthorized();
      return reply;
    } catch {
      return { ok: false, problem: unanswered(controller.signal.reason, request, options), body: {} };
    } finally {
      clearTimeout(timer);
      this.#open.delete(controller);
    }
  }

  /**
   * Ends every request of this page. A browser opens six connections to one server and no more, so six commands that
   * hang would keep a halt waiting: the halt lets them go first.
   */
  letGo(): void {
    for (const controller of this.#open) controller.abort(letGo);
  }
}

function initOf({ method, headers, body }: ApiRequest, { token }: SendOptions, signal: AbortSignal): RequestInit {
  return {
    method,
    headers: token === undefined ? headers : { ...headers, "x-roxy-token": token },
    signal,
    cache: "no-store",
    ...(body !== undefined && { body }),
  };
}

function replyOf(response: Response, text: string): Reply {
  const value = parseJson(text);
  const body = fieldsOf(value);
  if (response.ok && value !== undefined) {
    return { ok: true, body, text, replayed: response.headers.get("idempotency-replayed") === "true" };
  }
  const retryAfter = Number(response.headers.get("retry-after") ?? Number.NaN);
  return { ok: false, problem: problemOf(response.status, body, retryAfter), body };
}

function problemOf(httpStatus: number, body: Fields, retryAfter: number): PlainProblem {
  const [jobId, auditId] = [firstText(body, "job_id"), firstText(body, "audit_id")];
  const { retry } = body;
  return {
    code: firstText(body, "code") ?? "unreadable",
    title: firstText(body, "title") ?? "roxy-core's answer can't be understood",
    detail: firstText(body, "detail") ?? `Status ${httpStatus}, without an explanation`,
    retry: retry === "safe" || retry === "never" ? retry : "same-key",
    httpStatus: numberOf(body["status"]) ?? httpStatus,
    faults: listOf(body["errors"]).map((fault) => {
      const fields = fieldsOf(fault);
      return { pointer: firstText(fields, "pointer") ?? "", detail: firstText(fields, "detail") ?? "" };
    }),
    ...(jobId !== undefined && { jobId }),
    ...(auditId !== undefined && { auditId }),
    ...(Number.isFinite(retryAfter) && { retryAfterS: retryAfter }),
  };
}

/** Nothing came back. Whether a command arrived can't be known from here, so its key must be kept. */
function unanswered(reason: unknown, { method }: ApiRequest, { timeoutMs }: SendOptions): PlainProblem {
  const facts = { retry: method === "POST" ? "same-key" : "safe", httpStatus: 0, faults: [] } as const;
  if (reason === letGo) {
    return { ...facts, code: "let_go", title: "Not waited for", detail: "A halt went first: its answer was let go" };
  }
  if (reason === tooLong) {
    const detail = `No answer for ${Math.round(timeoutMs / 1000)} s`;
    return { ...facts, code: "gateway_silent", title: "roxy-core does not answer", detail };
  }
  const detail = "The connection could not be made, or broke before an answer came";
  return { ...facts, code: "gateway_lost", title: "roxy-core can't be reached", detail };
}
