import type { z } from "zod";
import type { Operations } from "./operations.ts";
import type { ProblemDocument } from "./problem.ts";

/**
 * The API as a client sees it. Paths, parameters, bodies and answers are typed by the schemas that the server validates
 * with; nothing of them is left at run time, so that a browser's bundle grows by this page alone. Answers are not checked
 * here: the server's tests hold them to the same schemas.
 */

type AnyOperation = Operations[keyof Operations];
export type Method = AnyOperation["method"];
type Called = Exclude<AnyOperation, { readonly tag: "Stream" }>;
type At<M extends Method, P> = Extract<AnyOperation, { readonly method: M; readonly path: P }>;

/** The paths that answer once, by method. */
export type PathOf<M extends Method> = Extract<Called, { readonly method: M }>["path"];

type NamesIn<P extends string> = P extends `${string}{${infer Name}}${infer Rest}` ? Name | NamesIn<Rest> : never;
type ParamsPart<P extends string> = [NamesIn<P>] extends [never]
  ? { readonly params?: never }
  : { readonly params: Readonly<Record<NamesIn<P>, string>> };
type QueryPart<O> = O extends { readonly query: infer S extends z.ZodType }
  ? { readonly query?: { readonly [K in keyof z.output<S>]?: z.output<S>[K] | string | undefined } }
  : { readonly query?: never };
type BodyPart<O> = O extends { readonly body: { readonly schema: infer S extends z.ZodType } }
  ? { readonly body: z.input<S>; readonly idempotencyKey?: string }
  : { readonly body?: never; readonly idempotencyKey?: never };

/** What an operation takes. A query's values may be text, as a person wrote them: the server judges. */
export type OptionsOf<M extends Method, P extends string> = ParamsPart<P> & QueryPart<At<M, P>> & BodyPart<At<M, P>>;

/** What it answers when it is no problem; text where that is not JSON. */
export type AnswerOf<M extends Method, P> =
  At<M, P> extends { readonly answer: { readonly schema: infer S extends z.ZodType } } ? z.output<S> : string;

/** Ready to send: the path with its parameters and query. */
export interface ApiRequest {
  readonly method: "GET" | "POST" | "DELETE";
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** What a transport brings back; it may bring more. */
export interface ApiResponse {
  readonly status: number;
  readonly contentType: string;
  readonly text: string;
}

export type Answer<A, R extends ApiResponse = ApiResponse> =
  | { readonly ok: true; readonly data: A; readonly response: R }
  | { readonly ok: false; readonly problem: ProblemDocument; readonly response: R };

/** Something answers there, but not in our words. */
export class UnexpectedAnswer extends Error {
  override readonly name = "UnexpectedAnswer";
  readonly response: ApiResponse;

  constructor(response: ApiResponse) {
    super(`The answer ${response.status} (${response.contentType}) is not roxy-core's`);
    this.response = response;
  }
}

/** Left out where nothing must be said. */
type Optional<O> = object extends O ? [options?: O] : [options: O];
type Call<M extends Method, X, R extends ApiResponse> = <P extends PathOf<M>>(
  path: P,
  ...options: Optional<OptionsOf<M, P> & X>
) => Promise<Answer<AnswerOf<M, P>, R>>;

export interface ApiClient<X = unknown, R extends ApiResponse = ApiResponse> {
  readonly get: Call<"get", X, R>;
  readonly post: Call<"post", X, R>;
  readonly delete: Call<"delete", X, R>;
}

interface LooseOptions {
  readonly params?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly body?: unknown;
  readonly idempotencyKey?: string;
}

/**
 * A client over any transport. It sends each request once; what the transport throws comes through.
 * @param send takes the request and whatever else a call was given, such as a timeout
 */
export function createClient<X = unknown, R extends ApiResponse = ApiResponse>(
  send: (request: ApiRequest, extra: X) => Promise<R>,
): ApiClient<X, R> {
  const call =
    (method: ApiRequest["method"]) =>
    async (path: string, options: LooseOptions = {}): Promise<Answer<never, R>> =>
      answerOf(await send(requestOf(method, path, options), options as X));
  return { get: call("GET"), post: call("POST"), delete: call("DELETE") } as ApiClient<X, R>;
}

/** One request, for a transport that reads answers in its own way. */
export function apiRequest<M extends Method, P extends PathOf<M>>(
  method: M,
  path: P,
  ...[options]: Optional<OptionsOf<M, P>>
): ApiRequest {
  return requestOf(method.toUpperCase() as ApiRequest["method"], path, options ?? {});
}

/** A path of the API with its parameters and query, streams included: `/api/orchestrator/status/JOB-20260109-001`. */
export function hrefOf<P extends Extract<AnyOperation, { readonly method: "get" }>["path"]>(
  path: P,
  ...[options]: Optional<ParamsPart<P> & QueryPart<At<"get", P>>>
): string {
  return hrefWith(path, options ?? {});
}

function hrefWith(path: string, { params = {}, query = {} }: LooseOptions): string {
  const filled = path.replaceAll(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ""));
  const pairs = Object.entries(query).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)]]));
  return pairs.length === 0 ? filled : `${filled}?${new URLSearchParams(pairs).toString()}`;
}

function requestOf(method: ApiRequest["method"], path: string, options: LooseOptions): ApiRequest {
  const { body, idempotencyKey } = options;
  const headers = {
    accept: "application/json",
    ...(body !== undefined && { "content-type": "application/json" }),
    ...(idempotencyKey !== undefined && { "idempotency-key": idempotencyKey }),
  };
  return { method, path: hrefWith(path, options), headers, ...(body !== undefined && { body: JSON.stringify(body) }) };
}

/** @throws UnexpectedAnswer */
function answerOf<R extends ApiResponse>(response: R): Answer<never, R> {
  const { status, contentType, text } = response;
  // Numbers for Prometheus are the one answer that is no JSON.
  if (status < 400 && contentType.startsWith("text/plain")) return { ok: true, data: text as never, response };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new UnexpectedAnswer(response);
  }
  const { success, code } = (json ?? {}) as Partial<ProblemDocument>;
  // Only a problem has both: /ready says no without a code, and a job may carry the code of its own end.
  if (success !== false || code === undefined) return { ok: true, data: json as never, response };
  return { ok: false, problem: json as ProblemDocument, response };
}
