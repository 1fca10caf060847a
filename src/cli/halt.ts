import { exitCodes, Fatal } from "../lib/errors.ts";
import { ExchangeError } from "../runtime/types.ts";
import { apiRequest } from "../wire/client.ts";
import type { DispatchRequest } from "../wire/dispatch.ts";
import { dispatchedSchema } from "./answers.ts";
import type { Api, Reply } from "./api.ts";
import { expectReply, Refused } from "./api.ts";
import { clientCommand, tellUnlessPrinted } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { userOf } from "./dispatch-request.ts";
import { dispatchPath } from "./dispatch-send.ts";
import { fieldList } from "./columns.ts";
import type { CommandSpec } from "./options.ts";
import { programName } from "./options.ts";
import { printable } from "./printable.ts";
import { tellOn, withProgress } from "./progress.ts";
import type { Stop } from "./stop.ts";
import { listenForStop, unlessStopped } from "./stop.ts";

const goingOn =
  "Starting again is Podium's own affair: its command START_ORCHESTRATOR, sent to Podium by whoever runs it, not through " +
  `${programName}.`;

export const haltCommand = {
  name: "halt",
  summary: "Emergency stop: halt the orchestrator at once, without asking back",
  note: goingOn,
  usage: "[options]",
  options: [
    { name: "source", value: "NAME", summary: "What asks, for the record; default cli" },
    { name: "user", value: "NAME", summary: "Who asks, for the record; default $USER" },
    { name: "yes", short: "y", summary: "Taken and not needed: a halt never asks back" },
    ...clientOptions,
  ],
  examples: [`${programName} halt`],
} as const satisfies CommandSpec;

/** Who wants a stop must know soon whether to pull another plug: what takes longer than this is not waited for. */
export const haltLimits = { tryMs: 10_000, totalMs: 20_000 };
/** A lost answer is asked for again: halting what is halted changes nothing. */
const triesMax = 3;
/** The gateway's advice for who has sent a key; a halt has none. */
const keyAdvice = /[;.] (?:repeat with|to try again use)[^(]*Idempotency-Key[^(]*(?= \()/i;
const notKnown = "IT IS NOT KNOWN WHETHER IT HALTED";
const again = "Halt again: a second halt does no harm. Where none comes through, stop the orchestrator's own process";

/**
 * `halt`: asks nothing, waits for nobody, and does not mind a broken configuration. A second halt has no effect beyond
 * the first, so it carries no key: a repeated one must really be sent.
 */
export const runHalt = clientCommand(
  haltCommand,
  async (client) => {
    const { api, options, runtime, screen } = client;
    const user = options.value("user") ?? userOf(runtime.process.env);
    const source = options.value("source") ?? "cli";
    const body = { action: "halt", source, ...(user !== undefined && { auth: { user_id: user } }) } as const;
    const stop = listenForStop(runtime);
    const reply = await withProgress(runtime, "Halting", sendHalt(api, body, { stop, tell: tellOn(runtime) }));
    const halted = accepted(api, reply);
    tellUnlessPrinted(runtime, printable(`Halted all the same: ${halted.job_id} (${halted.audit_id})`));
    if (client.json) client.printJson(reply.text);
    else {
      client.print(
        `${screen.paint("bold", "Halted.")} What was still waiting for its turn was not executed.\n${goingOn}\n`,
      );
      client.print(
        fieldList(screen, [
          ["gateway", printable(api.url)],
          ["job", printable(halted.job_id)],
          ["audit", printable(halted.audit_id)],
        ]),
      );
    }
    if (api.isGuess) throw perhapsAnother(api);
    return exitCodes.done;
  },
  { regardless: true },
);

export interface Halting {
  readonly stop: Stop;
  /** Gets a line after each try that came to nothing. */
  tell(line: string): void;
}

/** @throws Fatal: 3 when no answer came within the limits, 1 when somebody asked for the end before */
export async function sendHalt(
  api: Api,
  body: DispatchRequest,
  { stop, tell }: Halting,
  { tryMs, totalMs } = haltLimits,
): Promise<Reply> {
  const endMs = performance.now() + totalMs;
  let sent = false;
  for (let tries = 1; ; tries++) {
    const timeoutMs = Math.max(1, Math.min(tryMs, Math.ceil(endMs - performance.now())));
    let reply: Reply | undefined;
    try {
      reply = await unlessStopped(api.send(apiRequest("post", dispatchPath, { body }), { timeoutMs }), stop);
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw inDoubt(error);
      sent ||= error.sent;
      if (!error.sent || tries === triesMax || performance.now() >= endMs) throw notHalted(api, error, sent);
      tell(`No answer to the halt yet (${printable(error.message)}): sending it again`);
      continue;
    }
    if (reply) return reply;
    throw interrupted(api);
  }
}

/** Not our words: a stranger's, or those of something before the gateway, behind which the halt may have come through. */
function inDoubt(error: unknown): unknown {
  return error instanceof Fatal ? new Fatal(`${notKnown}: ${error.message}. ${again}`, error.exitCode) : error;
}

/** Not 0: a script could take a stranger's halt for that of its own gateway. */
function perhapsAnother({ url }: Api): Fatal {
  const guess = `the configuration has mistakes, so that ${url} was only a guess`;
  return new Fatal(`IT IS NOT KNOWN WHETHER YOUR GATEWAY HALTED: ${guess}. If yours is another, halt it with --url`);
}

/** The halt may be on its way to the orchestrator, or stand in a gateway that will wake up. */
function interrupted({ url }: Api): Fatal {
  return new Fatal(`${notKnown}: interrupted before roxy-core at ${url} answered. ${again}`);
}

function notHalted({ url }: Api, error: ExchangeError, sent: boolean): Fatal {
  if (sent) {
    const what = `${notKnown}: no answer from roxy-core at ${url}`;
    return new Fatal(`${what} (${printable(error.message)}). ${again}`, exitCodes.unreachable);
  }
  const remedy = "Start the gateway and repeat, or stop the orchestrator's own process";
  const what = `NOT HALTED: cannot reach roxy-core at ${url}`;
  return new Fatal(`${what} (${printable(error.message)}). ${remedy}`, exitCodes.unreachable);
}

function accepted(api: Api, reply: Reply) {
  try {
    return expectReply(api.url, reply, dispatchedSchema);
  } catch (error) {
    if (!(error instanceof Refused)) throw inDoubt(error);
    const unknown = error.problem.retry === "same-key";
    const words = error.message.replace(keyAdvice, "");
    error.message = `${unknown ? notKnown : "NOT HALTED"}: ${words}. ${again}`;
    throw error;
  }
}
