import { exitCodes, Fatal } from "../lib/errors.ts";
import { actions } from "../wire/dispatch.ts";
import { apiRequest } from "../wire/client.ts";
import { dispatchedSchema, readyAnswerSchema } from "./answers.ts";
import type { Reply } from "./api.ts";
import { expectReply, reaching, Refused } from "./api.ts";
import type { Client } from "./client.ts";
import { clientCommand, tellUnlessPrinted } from "./client.ts";
import { clientOptions } from "./client-options.ts";
import { dispatchRequest, trimmed, userOf } from "./dispatch-request.ts";
import { inDoubt, repeatWords, sendDispatch } from "./dispatch-send.ts";
import { dispatchText } from "./dispatch-text.ts";
import { followJob } from "./follow-job.ts";
import type { CommandSpec } from "./options.ts";
import { programName, usageError } from "./options.ts";
import { printable, shellWord } from "./printable.ts";
import { tellOn, withProgress } from "./progress.ts";
import type { Stop } from "./stop.ts";
import { listenForStop, unlessStopped } from "./stop.ts";

export const dispatchCommand = {
  name: "dispatch",
  summary: "Send one command through the door; with --watch, follow it to its end",
  usage: "ACTION [ID] [options]",
  positionals: ["ACTION", "[ID]"],
  words: { ACTION: actions },
  options: [
    { name: "watch", short: "w", summary: "Follow to the end; the exit code is then the job's outcome" },
    { name: "nonce", value: "NONCE", summary: "For apply_plan: what prepare_apply answered" },
    { name: "option", value: "KEY=VALUE", summary: "Passed on to Podium and recorded; may be repeated" },
    { name: "source", value: "NAME", summary: "What asks, for the record; default cli" },
    { name: "user", value: "NAME", summary: "Who asks, for the record; default $USER" },
    { name: "key", value: "KEY", summary: "Idempotency-Key: the same key never runs twice; default a new one" },
    ...clientOptions,
  ],
  examples: [
    `${programName} dispatch enqueue_story STORY-001 --watch`,
    `${programName} dispatch prepare_apply SKOREQ-XXX`,
    `${programName} dispatch apply_plan SKOREQ-XXX --nonce NONCE --json`,
  ],
} as const satisfies CommandSpec;

/** `dispatch ACTION [ID]`. */
export const runDispatch = clientCommand(dispatchCommand, async (client) => {
  const { options, api, runtime } = client;
  const [action = "", id] = options.positionals;
  const body = dispatchRequest(client.command, {
    action,
    id,
    nonce: options.value("nonce"),
    options: options.values("option"),
    source: options.value("source") ?? "cli",
    user: options.value("user") ?? userOf(runtime.process.env),
  });
  const key = keyOf(client);
  const stop = listenForStop(runtime);
  const since = options.has("watch") ? await cursorOf(client, stop) : undefined;
  const sending = sendDispatch(api, { body, key, stop, tell: tellOn(runtime) });
  const reply = await withProgress(runtime, "Waiting for the answer", sending);
  const dispatched = accepted(client, reply, key);
  const ids = printable(`${dispatched.job_id} (${dispatched.audit_id})`);
  tellUnlessPrinted(runtime, `Dispatched all the same: ${ids}, with --key ${shellWord(key)}`);
  if (client.json) client.printJson(reply.text);
  else client.print(dispatchText(client.screen, body, dispatched, options.has("watch")));
  if (since === undefined) return exitCodes.done;
  return followJob(client, dispatched.job_id, {
    since,
    answer: dispatched.podium_result,
    stop,
  });
});

function keyOf({ command, options }: Client<typeof dispatchCommand>): string {
  const given = options.value("key");
  if (given === undefined) return crypto.randomUUID();
  const key = trimmed(given);
  // The bare form of the header; a comma would read as two of them.
  if (/^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/.test(key)) return key;
  throw usageError(
    command,
    "--key needs 1 to 255 printable ASCII characters without spaces, commas, quotes, backslashes",
  );
}

/** Where the stream stands before the dispatch: following from there misses nothing, however quick the story is. */
async function cursorOf({ api, runtime }: Client, stop: Stop): Promise<string> {
  const ready = await withProgress(runtime, "Waiting for the gateway", unlessStopped(readiness(api), stop));
  if (!ready) throw new Fatal("Interrupted before anything was sent: nothing was executed");
  const { gateway } = expectReply(api.url, ready, readyAnswerSchema);
  return gateway?.stream?.cursor ?? "";
}

/** A server that is not ready says why when it gets the dispatch; its cursor is as good. */
async function readiness(api: Client["api"]): Promise<Reply> {
  const reply = await reaching(api, api.send(apiRequest("get", "/ready")));
  return reply.status === 503 ? { ...reply, status: 200 } : reply;
}

function accepted({ api, runtime, options }: Client<typeof dispatchCommand>, reply: Reply, key: string) {
  try {
    return expectReply(api.url, reply, dispatchedSchema);
  } catch (error) {
    if (!(error instanceof Refused)) throw inDoubt(error, key);
    const { problem, text } = error;
    if (problem.retry === "same-key") runtime.process.stderr(`The outcome is unknown. ${repeatWords(key)}\n`);
    // Which key to use next is no question where each command makes its own.
    if (options.value("key") !== undefined) throw error;
    const detail = problem.detail.replace(/; to try again use a new [^.]*$/, "");
    throw new Refused({ ...problem, detail }, text, reply);
  }
}
