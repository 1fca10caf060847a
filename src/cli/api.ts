import type { z } from "zod";
import { exitCodes, Fatal } from "../lib/errors.ts";
import { unixUrl } from "../lib/unix-url.ts";
import type { FollowedAnswer, Runtime } from "../runtime/types.ts";
import { ExchangeError, heartbeatS } from "../runtime/types.ts";
import type { ApiRequest } from "../wire/client.ts";
import type { ProblemAnswer } from "./answers.ts";
import { problemAnswerSchema } from "./answers.ts";
import { programName } from "./options.ts";
import { tokenShower } from "./own-token.ts";
import { printable } from "./printable.ts";
import type { ServerAddress } from "./server-address.ts";

/** The HTTP API as the command line uses it: nothing here knows more than any other client could. */
export interface Api {
  readonly url: string;
  /** As {@link Reply} has it. */
  readonly tokenFix?: string | undefined;
  /** As {@link ServerAddress} has it. */
  readonly isGuess?: boolean;
  /** @throws ExchangeError; Fatal (3) when it is not roxy-core that answers. Sends again only what was refused for its token */
  send(request: ApiRequest, options?: SendOptions): Promise<Reply>;
  /** @throws ExchangeError when no answer came */
  follow(path: string, lastEventId: string | undefined): Promise<Followed>;
}

export interface Followed extends FollowedAnswer {
  /** The body of a refusal; empty for a stream, whose body comes in chunks. */
  readonly text: string;
}

export interface SendOptions {
  /** From the first connection attempt to the answer's last byte. */
  readonly timeoutMs?: number;
}

/** An answer that is JSON. */
export interface Reply {
  readonly status: number;
  /** As it came. */
  readonly text: string;
  readonly json: unknown;
  /** What to do where it says that a token is missing, or not the right one. */
  readonly tokenFix?: string | undefined;
}

/** Reading is quick, but Podium's own status can take several seconds, and up to its timeout when it hangs. */
const getMs = 35_000;
/** A page of jobs with Podium's answers in them is some MiB at most. */
const bodyBytesMax = 32 * 1024 * 1024;
/**
 * A stream's head comes at once, as soon as somebody is awake to send it: a loaded machine has ten seconds. After that
 * there is a sign of life each heartbeat: one missed, and half the time to the next, and the line is dead. To come back
 * loses nothing, so that a mistake costs little; to call live what is dead would cost a person's trust.
 */
export const streamTimes = { headMs: 10_000, idleMs: 1.5 * heartbeatS * 1000 };

export function createApi(
  { exchange, follow }: Pick<Runtime, "exchange" | "follow">,
  address: ServerAddress,
  times: { readonly headMs: number; readonly idleMs: number } = streamTimes,
): Api {
  const { url, tokens = [undefined], tokenFix, isGuess = false } = address;
  const base = url.startsWith("unix:") ? unixUrl(url.slice("unix:".length)) : url;
  const showing = tokenShower(tokens);
  return {
    url,
    tokenFix,
    isGuess,
    async send({ path, headers, ...request }, { timeoutMs = getMs } = {}) {
      const endMs = performance.now() + timeoutMs;
      const { status, text } = await showing(async (shown) => {
        const answer = await exchange({
          ...request,
          url: base + path,
          headers: { ...headers, ...shown },
          timeoutMs: Math.max(1, Math.ceil(endMs - performance.now())),
          bodyBytesMax,
        });
        return { status: answer.status, text: new TextDecoder().decode(answer.body) };
      });
      return { ...replyOf(url, status, text), tokenFix };
    },
    follow(path, lastEventId) {
      const headers: Record<string, string> = { accept: "text/event-stream" };
      if (lastEventId !== undefined) headers["last-event-id"] = lastEventId;
      return showing(async (shown) => {
        const answer = await follow({ url: base + path, headers: { ...headers, ...shown }, ...times });
        return { ...answer, text: answer.status < 400 ? "" : await startOf(answer) };
      });
    },
  };
}

const refusalLengthMax = 65_536;

async function startOf(answer: FollowedAnswer): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of answer.chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > refusalLengthMax) break;
  }
  answer.close();
  return text;
}

function replyOf(url: string, status: number, text: string): Reply {
  try {
    return { status, text, json: JSON.parse(text) as unknown };
  } catch {
    throw notOurs(url, `answered ${status} with something that is not JSON`);
  }
}

/** Somebody answers there, but not in our words. */
export function notOurs(url: string, what: string): Fatal {
  return new Fatal(
    `${url} ${what}: is it roxy-core that listens there? ${programName} doctor says who does, --url names another`,
    exitCodes.unreachable,
  );
}

export function unreachable(url: string, { kind, sent, message }: ExchangeError): Fatal {
  if (kind === "timeout" && sent) {
    const what = `${url} takes connections but does not answer (${printable(message)}): it hangs, is stopped, or waits for Podium`;
    const remedy = `Its log may say why, and a restart mends it; ${programName} doctor says which process it is`;
    return new Fatal(`${what}. ${remedy}`, exitCodes.unreachable);
  }
  // Nobody there needs no reason; whatever else is in the way does.
  const why = kind === "unreachable" && nobodyThere.test(message) ? "" : `${printable(message)}. `;
  const start = `Start it with ${programName} serve, name another with --url, or let ${programName} doctor look`;
  return new Fatal(`Cannot reach roxy-core at ${url}. ${why}${wayTo(message) ?? start}`, exitCodes.unreachable);
}

/** Of connect(2): the port or the socket has no listener. */
export const nobodyThere = /\((?:ECONNREFUSED|ENOENT)\)$/;

/** What to do where a gateway that runs could not be reached either; undefined where that is not known. */
export function wayTo(message: string): string | undefined {
  if (/\((?:EACCES|EPERM)\)$/.test(message))
    return "Ask as a user that has the right, such as the one that the gateway runs as";
  if (/\((?:ENOTFOUND|EAI_AGAIN|EAI_FAIL)\)$/.test(message)) {
    return "That host's name leads nowhere: check it in --url, --host or listen.host";
  }
  return undefined;
}

/** The server said no, in its own words. */
export class Refused extends Fatal {
  readonly problem: ProblemAnswer;
  /** The document as it came. */
  readonly text: string;

  constructor(problem: ProblemAnswer, text: string, { exitCode = exitCodeOf(problem), tokenFix }: RefusedOptions = {}) {
    super(wordsOf(problem, problem.code === "unauthorized" ? tokenFix : remedies[problem.code]), exitCode);
    this.problem = problem;
    this.text = text;
  }
}

interface RefusedOptions extends Pick<Reply, "tokenFix"> {
  readonly exitCode?: number;
}

function exitCodeOf({ code }: ProblemAnswer): number {
  return code === "podium_unreachable" ? exitCodes.unreachable : exitCodes.failed;
}

const remedies: Readonly<Record<string, string>> = {
  podium_unreachable: `${programName} doctor looks at Podium`,
  audit_unavailable: `${programName} doctor looks at the audit folder`,
};

function wordsOf({ code, detail, errors = [], job_id: jobId }: ProblemAnswer, remedy: string | undefined): string {
  const more = errors.length > 1 ? errors.map((fault) => `\n  ${printable(`${fault.pointer}: ${fault.detail}`)}`) : [];
  const advice = remedy === undefined ? "" : `. ${printable(remedy)}`;
  const job = jobId === undefined ? "" : ` [${jobId}]`;
  return `${printable(`${detail} (${code})${job}`)}${more.join("")}${advice}`;
}

/**
 * The answer by its schema.
 * @throws Refused when it is a problem document; Fatal (3) when it is neither
 */
export function expectReply<S extends z.ZodType>(url: string, reply: Reply, schema: S): z.output<S> {
  const problem = reply.status >= 400 ? problemAnswerSchema.safeParse(reply.json) : undefined;
  if (problem?.success) throw new Refused(problem.data, reply.text, reply);
  const read = schema.safeParse(reply.json);
  if (!read.success || reply.status >= 400) throw notOurs(url, `answered ${reply.status} in words that are not ours`);
  return read.data;
}

/** Turns "no answer" into what a person can act on. */
export async function reaching<T>(api: Api, work: Promise<T>): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw error instanceof ExchangeError ? unreachable(api.url, error) : error;
  }
}
