import type { PodiumClient, SendOptions } from "../../src/podium/client.ts";
import type { Verdict } from "../../src/podium/verdict.ts";
import { verdictOfAnswer, verdictOfError } from "../../src/podium/verdict.ts";
import { ExchangeError } from "../../src/runtime/types.ts";
import type { PodiumRequest } from "../../src/wire/podium.ts";
import type { FakeClock } from "../lib/fake-clock.ts";

/** One request as Podium met it. */
export interface Receipt {
  readonly request: PodiumRequest;
  readonly body: Readonly<Record<string, unknown>>;
  /** What the token says: the tests' token is the audit id itself. */
  readonly auditId: string | undefined;
  /** Monotonic time of the arrival. */
  readonly at: number;
}

export interface Pending extends Receipt {
  answer(verdict: Verdict): void;
}

export const yes: Verdict = { kind: "accepted", httpStatus: 200, json: '{"success":true}' };
export const refusedConnection: Verdict = verdictOfError(new ExchangeError("unreachable", false, "ECONNREFUSED"));
export const timedOut: Verdict = verdictOfError(new ExchangeError("timeout", true, "No answer"));
export const diedMidAnswer: Verdict = verdictOfError(new ExchangeError("broken", true, "cut"));

export function said(status: number, json: string): Verdict {
  return verdictOfAnswer({ status, contentType: "application/json", body: new TextEncoder().encode(json) });
}

/** Podium's status, of one story. */
export function statusOf(story: string, status: string): Verdict {
  return said(200, JSON.stringify({ stories: [{ storyId: story, status }] }));
}

/** Podium in memory: keeps what arrives, and answers when a test says so, or by a rule. */
export class ScriptedPodium implements PodiumClient {
  readonly #clock: FakeClock;
  readonly received: Receipt[] = [];
  readonly pending: Pending[] = [];
  /** Answers at once where it gives a verdict; what it leaves open waits in `pending`. */
  rule: (receipt: Receipt) => Verdict | undefined = () => undefined;
  /** Connections are made when this resolves; at once when there is none. */
  connecting: Promise<void> | undefined;
  #arrival = Promise.withResolvers<void>();

  constructor(clock: FakeClock) {
    this.#clock = clock;
  }

  async send(request: PodiumRequest, token: string | undefined, { mayLeave }: SendOptions = {}): Promise<Verdict> {
    if (this.connecting) await this.connecting;
    if (mayLeave?.() === false) return { kind: "unsent", code: "podium_unreachable", detail: "It was withdrawn" };
    return this.#receive(request, token);
  }

  #receive(request: PodiumRequest, token: string | undefined): Promise<Verdict> {
    const { promise, resolve } = Promise.withResolvers<Verdict>();
    const body = JSON.parse(request.body ?? "{}") as Record<string, unknown>;
    const receipt: Receipt = { request, body, auditId: token, at: this.#clock.monotonic() };
    this.received.push(receipt);
    this.#arrival.resolve();
    this.#arrival = Promise.withResolvers();
    const ruled = this.rule(receipt);
    if (ruled) return Promise.resolve(ruled);
    const answer = (verdict: Verdict): void => {
      this.pending.splice(this.pending.indexOf(pending), 1);
      resolve(verdict);
    };
    const pending: Pending = { ...receipt, answer };
    this.pending.push(pending);
    return promise;
  }

  /** The oldest request that waits for an answer; comes when it comes. */
  async next(): Promise<Pending> {
    while (!this.pending[0]) await this.#arrival.promise;
    return this.pending[0];
  }

  /** Resolves when this many requests have arrived. */
  async arrivals(count: number): Promise<void> {
    while (this.received.length < count) await this.#arrival.promise;
  }

  /** What was received, as short words: `ENQUEUE_STORY STORY-001`, `HALT`, `GET /api/status`. */
  get words(): string[] {
    return this.received.map(({ request, body }) =>
      request.method === "GET" ? `GET ${request.path}` : [body["type"], body["storyId"]].filter(Boolean).join(" "),
    );
  }
}
