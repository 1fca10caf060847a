import { exitCodes, Fatal } from "../lib/errors.ts";
import { ExchangeError } from "../runtime/types.ts";
import type { DispatchRequest } from "../wire/dispatch.ts";
import { apiRequest } from "../wire/client.ts";
import { problemAnswerSchema } from "./answers.ts";
import type { Api, Reply } from "./api.ts";
import { unreachable } from "./api.ts";

export const dispatchPath = "/api/orchestrator/dispatch";

/** One wait for an answer: Podium's 30 s and some for the line in front of it. */
const answerMs = 60_000;
/** All waits together; behind a full line of slow commands it may take longer, and then the key finds the answer. */
const patienceMs = 300_000;
const pauseMs = 500;

/**
 * Sends a dispatch, and when its answer is lost, asks again under the same key: what was executed is answered from the
 * record, and nothing runs twice. A server that can't be reached at all is not waited for.
 * @throws Fatal (3), naming the key when the outcome is unknown
 */
export async function sendDispatch(api: Api, body: DispatchRequest, key: string): Promise<Reply> {
  const until = performance.now() + patienceMs;
  let sent = false;
  for (;;) {
    try {
      const reply = await api.send(apiRequest("post", dispatchPath, { body, idempotencyKey: key }), {
        timeoutMs: answerMs,
      });
      if (!isInFlight(reply) || performance.now() > until) return reply;
      sent = true;
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      sent ||= error.sent;
      if (!sent) throw unreachable(api.url, error);
      if (performance.now() > until) throw outcomeUnknown(api, error, key);
    }
    await new Promise((resolve) => setTimeout(resolve, pauseMs));
  }
}

/** 409 `in_flight`: our own earlier request is still being worked on. */
function isInFlight({ status, json }: Reply): boolean {
  return status === 409 && problemAnswerSchema.safeParse(json).data?.code === "in_flight";
}

function outcomeUnknown({ url }: Api, { message }: ExchangeError, key: string): Fatal {
  return new Fatal(
    `Lost ${url} after the dispatch was sent (${message}): its outcome is unknown. ${repeatWords(key)}`,
    exitCodes.unreachable,
  );
}

export function repeatWords(key: string): string {
  return `Repeat the same command with --key ${key}: what has run is then not run again`;
}
