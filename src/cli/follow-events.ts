import { exitCodes, Fatal } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import { ExchangeError } from "../runtime/types.ts";
import { problemAnswerSchema } from "./answers.ts";
import type { Api, Followed } from "./api.ts";
import { notOurs, Refused, unreachable } from "./api.ts";
import { serverEvents } from "./event-source.ts";
import { withProgress } from "./progress.ts";
import type { Stop } from "./stop.ts";
import { pause } from "./stop.ts";

export type Notice =
  /** A frame as Podium or the gateway sent it: JSON text. */
  | { readonly kind: "frame"; readonly text: string }
  | { readonly kind: "lost"; readonly detail: string }
  | { readonly kind: "back" };

export interface FollowOptions {
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly stop: Stop;
  /** Give up after this long without a connection. */
  readonly lostMs: number;
  /** Asked whenever the connection ends: whether there is nothing more to come. */
  isOver(): Promise<boolean>;
}

const delayMsMin = 250;
const delayMsMax = 5_000;
/** No cursor of ours: a server that gets it tells of the gap, and the end again of what has ended. */
const noCursor = "0";

/**
 * The events of a path, across lost connections: each comes back with the last id, so nothing is missed or doubled as
 * long as the server remembers; where it does not, a GAP frame says so.
 * @throws Fatal (3) when the server can't be reached at first, or for too long; Refused when it says no at first
 */
export async function* followEvents(api: Api, options: FollowOptions): AsyncGenerator<Notice> {
  const { stop, lostMs } = options;
  const query = new URLSearchParams(options.query);
  const path = query.size === 0 ? options.path : `${options.path}?${query}`;
  let lastId: string | undefined;
  let begun = false;
  let lostAt: number | undefined;
  let delayMs = delayMsMin;
  while (!stop.asked) {
    let detail = "the connection ended";
    let answer: Followed | void = undefined;
    try {
      const resumeAt = begun ? (lastId ?? options.query?.["since"] ?? noCursor) : undefined;
      answer = await Promise.race([api.follow(path, resumeAt), stop.whenAsked]);
      if (!answer || answer.status === 204) return;
      void stop.whenAsked.then(answer.close);
      assertStream(api, answer);
      if (lostAt !== undefined) yield { kind: "back" };
      [begun, lostAt, delayMs] = [true, undefined, delayMsMin];
      for await (const { id, data } of serverEvents(answer.chunks)) {
        lastId = id ?? lastId;
        yield { kind: "frame", text: data };
      }
    } catch (error) {
      detail = lossOf(api, error, begun);
    } finally {
      if (answer) answer.close();
    }
    if (stop.asked || (await options.isOver())) return;
    if (lostAt === undefined) yield { kind: "lost", detail };
    lostAt ??= performance.now();
    if (performance.now() - lostAt > lostMs) throw lostForGood(api, detail);
    await pause(delayMs, stop);
    delayMs = Math.min(delayMs * 2, delayMsMax);
  }
}

/** The same notices; on a terminal whoever waits for the first of them sees that, and how long already. */
export async function* fromTheFirst(
  runtime: Pick<Runtime, "process">,
  notices: AsyncGenerator<Notice>,
): AsyncGenerator<Notice> {
  const first = await withProgress(runtime, "Waiting for the gateway", notices.next());
  if (!first.done) yield first.value;
  yield* notices;
}

/** What to say of a lost connection. @throws what no patience can mend */
function lossOf(api: Api, error: unknown, begun: boolean): string {
  if (error instanceof ExchangeError) {
    if (begun) return error.message;
    throw unreachable(api.url, error);
  }
  // A server on its way down or up may refuse for a moment.
  if (begun && error instanceof Refused && error.problem.retry === "safe") return error.problem.detail;
  throw error;
}

function lostForGood({ url }: Api, detail: string): Fatal {
  return new Fatal(`Lost ${url} and can't reach it again (${detail}); what was started goes on`, exitCodes.unreachable);
}

/** @throws Refused, or Fatal (3) when it is no event stream */
function assertStream(api: Api, { status, headers, text }: Followed): void {
  const type = headers["content-type"] ?? "";
  if (status === 200 && type.startsWith("text/event-stream")) return;
  let problem;
  try {
    problem = problemAnswerSchema.safeParse(JSON.parse(text)).data;
  } catch {
    // Not JSON: not ours.
  }
  if (problem) throw new Refused(problem, text, api);
  throw notOurs(api.url, `answered ${status} instead of an event stream`);
}
