import { exitCodes, Fatal } from "../lib/errors.ts";
import { ExchangeError } from "../runtime/types.ts";
import type { DispatchRequest } from "../wire/dispatch.ts";
import { apiRequest } from "../wire/client.ts";
import { problemAnswerSchema } from "./answers.ts";
import type { Api, Reply } from "./api.ts";
import { unreachable } from "./api.ts";
import { idOf } from "./dispatch-text.ts";
import { programName } from "./options.ts";
import { printable, shellWord } from "./printable.ts";
import type { Stop } from "./stop.ts";
import { pause, unlessStopped } from "./stop.ts";

export const dispatchPath = "/api/orchestrator/dispatch";

/** One wait for an answer: Podium's 30 s and some for the line in front of it. */
const answerMs = 60_000;
/** All waits together; behind a full line of slow commands it may take longer, and then the key finds the answer. */
const patienceMs = 300_000;
const pauseMs = 500;

export interface Sending {
  readonly body: DispatchRequest;
  readonly key: string;
  readonly stop: Stop;
  /** Gets a line when the answer is lost for the first time: whoever waits should know what for, and the key. */
  tell(line: string): void;
}

/**
 * Sends a dispatch, and when its answer is lost, asks again under the same key: what was executed is answered from the
 * record, and nothing runs twice. A server that can't be reached at all is not waited for.
 * @throws Fatal, naming the key when the outcome is unknown: 3 when no answer came, 1 when somebody asked for the end
 */
export async function sendDispatch(api: Api, { body, key, stop, tell }: Sending): Promise<Reply> {
  const until = performance.now() + patienceMs;
  let sent = false;
  let told = false;
  while (!stop.asked) {
    try {
      const request = apiRequest("post", dispatchPath, { body, idempotencyKey: key });
      const reply = await unlessStopped(api.send(request, { timeoutMs: answerMs }), stop);
      if (reply && (!isInFlight(reply) || performance.now() > until)) return reply;
      sent = true;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw inDoubt(error, key);
      sent ||= error.sent;
      if (!sent) throw unreachable(api.url, error);
      if (performance.now() > until) throw outcomeUnknown(api, error, key);
      if (!told) tell(lostWords(api, error, key));
      told = true;
    }
    await pause(pauseMs, stop);
  }
  throw interrupted(body, key);
}

/** 409 `in_flight`: our own earlier request is still being worked on. */
function isInFlight({ status, json }: Reply): boolean {
  return status === 409 && problemAnswerSchema.safeParse(json).data?.code === "in_flight";
}

function lostWords({ url }: Api, { message }: ExchangeError, key: string): string {
  const minutes = patienceMs / 60_000;
  const what = `Lost the gateway at ${url} before its answer came (${printable(message)})`;
  return `${what}: asking again under the same key (${key}) for up to ${minutes} minutes. Nothing runs twice`;
}

function outcomeUnknown({ url }: Api, { message }: ExchangeError, key: string): Fatal {
  return new Fatal(
    `Lost ${url} after the dispatch was sent (${printable(message)}): its outcome is unknown. ${repeatWords(key)}`,
    exitCodes.unreachable,
  );
}

/** Not our words, such as a bare 400 of the server below the gateway: only those say that nothing was executed. */
export function inDoubt(error: unknown, key: string): unknown {
  if (!(error instanceof Fatal)) return error;
  return new Fatal(`${error.message}. If it is, the outcome is unknown. ${repeatWords(key)}`, error.exitCode);
}

/** Hanging up takes a dispatch back that still waits for its turn; whether this one did, nobody can tell us now. */
function interrupted(body: DispatchRequest, key: string): Fatal {
  const id = idOf(body);
  const about = id === undefined ? body.action : `${body.action} ${id}`;
  const only = id === undefined || !body.action.endsWith("_story") ? `--action ${body.action}` : `--story ${id}`;
  const what = `Interrupted before the answer came: the outcome of ${about} is unknown, it may have been executed`;
  return new Fatal(`${what}. ${repeatWords(key)}. ${programName} jobs ${only} shows what is on record`);
}

export function repeatWords(key: string): string {
  return `Repeat the same command with --key ${shellWord(key)}: what has run is then not run again`;
}
