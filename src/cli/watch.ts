import { exitCodes } from "../lib/errors.ts";
import type { Client } from "./client.ts";
import { clientCommand } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { followEvents, fromTheFirst } from "./follow-events.ts";
import { connectionWords, followJob } from "./follow-job.ts";
import { frameLine } from "./frame-text.ts";
import { jobIdOf } from "./job-id.ts";
import type { CommandSpec } from "./options.ts";
import { programName } from "./options.ts";
import { listenForStop } from "./stop.ts";
import { watchLive } from "./watch-live.ts";

export const watchCommand = {
  name: "watch",
  summary: "Show what happens as it happens; of one job, until it has ended",
  usage: "[JOB] [options]",
  positionals: ["[JOB]"],
  options: [
    {
      name: "types",
      value: "TYPES",
      summary: "Only these types of Podium's frames, such as STORY_STATUS,QUEUE_UPDATE",
    },
    { name: "lines", summary: "A line for each frame on a terminal too, and no view that is drawn in its place" },
    ...clientOptions,
  ],
  examples: [
    `${programName} watch`,
    `${programName} watch JOB-20260109-001`,
    `${programName} watch --lines`,
    `${programName} watch --json | jq .type`,
  ],
} as const satisfies CommandSpec;

/** Somebody who watches all day wants the line back whenever the gateway is. */
const lostMs = Infinity;

/** `watch [JOB]`: without one a live view on a terminal, lines in a pipe. With a job the exit code is its outcome, and 1 when it is interrupted before. */
export const runWatch = clientCommand(watchCommand, async (client) => {
  const [job] = client.options.positionals;
  if (job === undefined) return watchAll(client);
  const jobId = jobIdOf(client.command, job);
  return followJob(client, jobId, { stop: listenForStop(client.runtime) });
});

async function watchAll(client: Client<typeof watchCommand>): Promise<number> {
  const { api, screen, runtime, options } = client;
  const { stderr, stderrIsTerminal } = runtime.process;
  const types = options.value("types");
  const stop = listenForStop(runtime);
  if (stderrIsTerminal && !client.json) stderr(`Watching ${api.url}; Ctrl-C ends\n`);
  const follow = { path: "/api/orchestrator/events", stop, lostMs, isOver: () => Promise.resolve(false) };
  const isLive = screen.isTerminal && (runtime.process.env["TERM"] ?? "dumb") !== "dumb";
  if (isLive && !client.json && !options.has("lines")) return watchLive(client, follow, types);
  const notices = followEvents(api, { ...follow, ...(types !== undefined && { query: { types } }) });
  for await (const notice of fromTheFirst(runtime, notices)) {
    if (notice.kind !== "frame") stderr(connectionWords(notice));
    else if (client.json) client.printJson(notice.text);
    else client.print(frameLine(screen, notice.text));
    // Who reads us slowly is a slow client of the gateway's, which has bounds for that; nothing gathers here.
    await Promise.race([runtime.process.stdoutTaken(), stop.whenAsked]);
  }
  return exitCodes.done;
}
