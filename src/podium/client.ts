import { messageOf } from "../lib/errors.ts";
import type { Exchange } from "../runtime/types.ts";
import { ExchangeError } from "../runtime/types.ts";
import type { PodiumRequest } from "../wire/podium.ts";
import type { Verdict } from "./verdict.ts";
import { verdictOfAnswer, verdictOfError } from "./verdict.ts";

/** Podium's largest known answer is its status; 4 MiB holds thousands of stories and still bounds our memory. */
const answerBytesMax = 4 * 1024 * 1024;

export interface PodiumClientOptions {
  readonly exchange: Exchange;
  /** Base URL without a trailing slash. */
  readonly url: string;
  /** For a request that begins now. */
  readonly timeoutMs: () => number;
}

export interface SendOptions {
  readonly timeoutMs?: number;
  /** As `mayLeave` of an `OutgoingRequest` (`runtime/types.ts`). */
  readonly mayLeave?: () => boolean;
}

export interface PodiumClient {
  /** One request, one connection, no retry. Never throws: what happened is in the verdict. */
  send(request: PodiumRequest, token: string | undefined, options?: SendOptions): Promise<Verdict>;
}

export function createPodiumClient({ exchange, url, timeoutMs }: PodiumClientOptions): PodiumClient {
  return {
    async send(request, token, options = {}) {
      const headers: Record<string, string> = {
        accept: "application/json",
        // An answer that unfolds in our memory to a thousand times its size has no bound worth the name.
        "accept-encoding": "identity",
        ...request.headers,
      };
      if (token !== undefined) headers["authorization"] = `Bearer ${token}`;
      if (request.body !== undefined) headers["content-type"] = "application/json";
      try {
        const answer = await exchange({
          url: url + request.path,
          method: request.method,
          headers,
          body: request.body,
          mayLeave: options.mayLeave,
          timeoutMs: options.timeoutMs ?? timeoutMs(),
          bodyBytesMax: answerBytesMax,
        });
        return verdictOfAnswer(answer, token);
      } catch (error) {
        // Whatever else it is, reading an answer included, the request may have left.
        const known = error instanceof ExchangeError ? error : new ExchangeError("broken", true, messageOf(error));
        return verdictOfError(known);
      }
    },
  };
}
