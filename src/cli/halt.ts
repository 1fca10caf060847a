import { exitCodes, Fatal } from "../lib/errors.ts";
import { ExchangeError } from "../runtime/types.ts";
import { apiRequest } from "../wire/client.ts";
import type { DispatchRequest } from "../wire/dispatch.ts";
import { dispatchedSchema } from "./answers.ts";
import type { Api, Reply } from "./api.ts";
import { expectReply, Refused } from "./api.ts";
import { clientCommand } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { userOf } from "./dispatch-request.ts";
import { dispatchPath } from "./dispatch-send.ts";
import { fieldList } from "./columns.ts";
import type { CommandSpec } from "./options.ts";
import { programName } from "./options.ts";
import { printable } from "./printable.ts";
import { withProgress } from "./progress.ts";

export const haltCommand = {
  name: "halt",
  summary: "Emergency stop: halt the orchestrator at once, without asking back",
  usage: "[options]",
  options: [
    { name: "source", value: "NAME", summary: "What asks, for the record; default cli" },
    { name: "user", value: "NAME", summary: "Who asks, for the record; default $USER" },
    { name: "yes", short: "y", summary: "Taken and not needed: a halt never asks back" },
    ...clientOptions,
  ],
  examples: [`${programName} halt`],
} as const satisfies CommandSpec;

/** A little longer than the gateway waits for Podium, so that its words come first. */
const answerMs = 35_000;
/** A lost answer is asked for again: halting what is halted changes nothing. */
const triesMax = 3;

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
    const reply = await withProgress(runtime, "Halting", sendHalt(api, body));
    const halted = accepted(api, reply);
    if (client.json) client.printJson(reply.text);
    else {
      client.print(`${screen.paint("bold", "Halted.")} What was still waiting for its turn was not executed.\n`);
      client.print(
        fieldList(screen, [
          ["job", printable(halted.job_id)],
          ["audit", printable(halted.audit_id)],
        ]),
      );
    }
    return exitCodes.done;
  },
  { regardless: true },
);

async function sendHalt(api: Api, body: DispatchRequest): Promise<Reply> {
  let sent = false;
  for (let tries = 1; ; tries++) {
    try {
      return await api.send(apiRequest("post", dispatchPath, { body }), { timeoutMs: answerMs });
    } catch (error) {
      if (!(error instanceof ExchangeError)) throw error;
      sent ||= error.sent;
      if (!error.sent || tries === triesMax) throw notHalted(api, error, sent);
    }
  }
}

function notHalted({ url }: Api, error: ExchangeError, sent: boolean): Fatal {
  const what = sent ? "IT IS NOT KNOWN WHETHER IT HALTED" : "NOT HALTED";
  const remedy = "Start the gateway and repeat, or stop the orchestrator's own process";
  return new Fatal(`${what}: cannot reach roxy-core at ${url} (${error.message}). ${remedy}`, exitCodes.unreachable);
}

function accepted(api: Api, reply: Reply) {
  try {
    return expectReply(api.url, reply, dispatchedSchema);
  } catch (error) {
    if (error instanceof Refused) {
      const unknown = error.problem.retry === "same-key";
      error.message = `${unknown ? "IT IS NOT KNOWN WHETHER IT HALTED" : "NOT HALTED"}: ${error.message}`;
    }
    throw error;
  }
}
