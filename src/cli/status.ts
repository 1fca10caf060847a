import { counted } from "../lib/counted.ts";
import { exitCodes } from "../lib/errors.ts";
import { apiRequest } from "../wire/client.ts";
import type { GatewayAnswer } from "./answers.ts";
import { jobSchema, statusAnswerSchema } from "./answers.ts";
import { expectReply, reaching, Refused } from "./api.ts";
import type { Client } from "./client.ts";
import { clientCommand } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { fieldList } from "./columns.ts";
import { jobIdOf } from "./job-id.ts";
import { jobText } from "./job-text.ts";
import type { CommandSpec } from "./options.ts";
import { programName } from "./options.ts";
import { podiumText } from "./podium-text.ts";
import { printable } from "./printable.ts";
import { withProgress } from "./progress.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";

export const statusCommand = {
  name: "status",
  summary: "Show how the gateway and Podium are, or what became of one job",
  usage: "[JOB] [options]",
  positionals: ["[JOB]"],
  options: clientOptions,
  examples: [`${programName} status`, `${programName} status JOB-20260109-001 --json`],
} as const satisfies CommandSpec;

/** It answers within a millisecond; on the slowest of lines and machines within this. */
const livingMs = 5_000;

/** `status [JOB]`: 0 when it could be told, whatever it is; 3 when Podium can't be asked. */
export const runStatus = clientCommand(statusCommand, async (client) => {
  const [job] = client.options.positionals;
  return job === undefined ? wholeStatus(client) : jobStatus(client, jobIdOf(client.command, job));
});

async function jobStatus(client: Client, jobId: string): Promise<number> {
  const { api, screen } = client;
  const reply = await reaching(
    api,
    api.send(apiRequest("get", "/api/orchestrator/status/{job_id}", { params: { job_id: jobId } })),
  );
  const job = expectReply(api.url, reply, jobSchema);
  if (client.json) client.printJson(reply.text);
  else client.print(jobText(screen, job));
  return exitCodes.done;
}

async function wholeStatus(client: Client): Promise<number> {
  const { api, screen, runtime } = client;
  const asking = api.send(apiRequest("get", "/api/orchestrator/status"));
  // Podium may take its time; a gateway that does not even say that it lives is waited for no longer.
  const living = api.send(apiRequest("get", "/health"), { timeoutMs: livingMs });
  const [reply] = await withProgress(runtime, "Asking Podium", reaching(api, Promise.all([asking, living])));
  try {
    const { podium, gateway } = expectReply(api.url, reply, statusAnswerSchema);
    if (client.json) client.printJson(reply.text);
    else client.print(gatewayText(screen, api.url, gateway) + podiumText(screen, podium));
    return exitCodes.done;
  } catch (error) {
    // Podium can't be asked, but what the gateway says of itself has come along.
    const known = error instanceof Refused ? statusAnswerSchema.safeParse(error.problem).data?.gateway : undefined;
    if (known && !client.json) client.print(gatewayText(screen, api.url, known));
    throw error instanceof Refused && error.problem.code === "podium_timeout" ? hanging(error) : error;
  }
}

/** A command without an answer may have run, and has failed; a question without one was not to be asked. */
function hanging({ problem, text }: Refused): Refused {
  const detail = `${problem.detail}; ${programName} doctor looks at Podium`;
  return new Refused({ ...problem, detail }, text, { exitCode: exitCodes.unreachable });
}

function gatewayText(screen: Screen, url: string, gateway: GatewayAnswer): string {
  const { audit, stream, lane } = gateway ?? {};
  const painted = (word: string): string => screen.paint(styleOfStatus(word) ?? "bold", printable(word));
  const auditWords = audit?.state && `${painted(audit.state)}, ${counted((audit.seq ?? -1) + 1, "record")}`;
  const streamWords = stream?.upstream && `${painted(stream.upstream)}, ${counted(stream.clients ?? 0, "client")}`;
  return fieldList(screen, [
    ["gateway", url],
    ["version", gateway?.version && printable(`${gateway.version} (${gateway.commit ?? "?"})`)],
    ["audit", auditWords],
    ["telemetry", streamWords],
    ["lane", lane && `${lane.in_flight ?? 0} in flight, ${lane.waiting ?? 0} waiting`],
  ]);
}
