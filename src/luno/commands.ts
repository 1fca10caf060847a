import { z } from "zod";
import { idSchema } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import type { Caller } from "./admission.ts";
import type { Orchestrator } from "./orchestrator.ts";
import { Refusal } from "./vocabulary.ts";

/** An answer to a command; camelCase, as Podium writes it. */
export interface Answer {
  readonly success: true;
  readonly command: string;
  /** For people. */
  readonly message: string;
  /** Of the story or plan. */
  readonly status?: string;
  readonly [key: string]: unknown;
}

const named = { storyId: idSchema };

/** Loose: options that a client sends beside the ids are allowed, and mean nothing here. */
const commandSchema = z.discriminatedUnion("type", [
  z.looseObject({ type: z.literal("ENQUEUE_STORY"), ...named }),
  z.looseObject({ type: z.literal("FORCE_ENQUEUE_STORY"), ...named, bypassDependencies: z.boolean().default(false) }),
  z.looseObject({ type: z.literal("CANCEL_STORY"), ...named }),
  z.looseObject({ type: z.literal("PING") }),
  z.looseObject({ type: z.literal("START_ORCHESTRATOR") }),
  z.looseObject({ type: z.literal("HALT") }),
]);
const commandTypes = commandSchema.options.map((option) => option.shape.type.value);

/** Runs one command of `POST /api/command`. @throws Refusal with the orchestrator's reason */
export async function runCommandRequest(body: object, by: Caller, orchestrator: Orchestrator): Promise<Answer> {
  const command = readCommand(body);
  switch (command.type) {
    case "ENQUEUE_STORY":
      return enqueue(command.storyId, false, false, by, orchestrator);
    case "FORCE_ENQUEUE_STORY":
      return enqueue(command.storyId, true, command.bypassDependencies, by, orchestrator);
    case "CANCEL_STORY":
      return cancel(command.storyId, by, orchestrator);
    case "PING":
      return ping(orchestrator);
    case "START_ORCHESTRATOR":
      return start(orchestrator);
    default:
      return halt(by, orchestrator);
  }
}

function readCommand(body: object): z.output<typeof commandSchema> {
  const type: unknown = "type" in body ? body.type : undefined;
  if (!commandTypes.some((known) => known === type)) {
    const fault = typeof type === "string" ? `"${type.slice(0, 64)}" is unknown` : "it has no type";
    throw new Refusal(`Cannot run the command: ${fault}; known are ${commandTypes.join(", ")}`);
  }
  const checked = commandSchema.safeParse(body);
  if (checked.success) return checked.data;
  const words = faultsOf(checked.error).map(({ pointer, detail }) => `${pointer.slice(1)}: ${detail}`);
  throw new Refusal(`Cannot run ${String(type)}: ${words.join("; ")}`);
}

function enqueue(storyId: string, force: boolean, bypass: boolean, by: Caller, orchestrator: Orchestrator): Answer {
  const { kernel, ledger, conductor } = orchestrator;
  const command = force ? "FORCE_ENQUEUE_STORY" : "ENQUEUE_STORY";
  const request = { storyId, force, bypassDependencies: bypass, waitForDependencies: false };
  const [decision] = kernel.enqueue([request], by);
  if (!decision || decision.decision === "refused") {
    throw new Refusal(`Cannot enqueue ${storyId}: ${decision?.reason ?? "the kernel did not decide"}`);
  }
  conductor.beatSoon();
  const alreadyQueued = decision.decision === "already_queued";
  const position = ledger.state.queue.findIndex((entry) => entry.storyId === storyId) + 1;
  const message = alreadyQueued ? "The story is in the queue already and will run once" : "The story is in the queue";
  return { success: true, command, storyId, status: "queued", position, alreadyQueued, message };
}

async function cancel(storyId: string, by: Caller, orchestrator: Orchestrator): Promise<Answer> {
  const { ledger, agents } = orchestrator;
  const story = ledger.stories.get(storyId);
  if (!story) throw new Refusal(`Cannot cancel ${storyId}: there is no such story`);
  const previousStatus = ledger.stateOf(story).status;
  const message = `Cancelled by ${by.name}`;
  const answer: Answer = {
    success: true,
    command: "CANCEL_STORY",
    storyId,
    status: "cancelled",
    previousStatus,
    message,
  };
  if (await agents.stop(storyId, "cancelled", message)) return { ...answer, status: ledger.stateOf(story).status };
  const queue = ledger.state.queue.filter((entry) => entry.storyId !== storyId);
  if (queue.length === ledger.state.queue.length) {
    throw new Refusal(`Cannot cancel ${storyId}: it is ${previousStatus}, neither in the queue nor running`);
  }
  ledger.record({ queue, transitions: [{ storyId, to: "cancelled", message }] });
  return answer;
}

function ping({ telemetry, now }: Orchestrator): Answer {
  const timestamp = now();
  telemetry.publish({ type: "PONG", timestamp });
  return { success: true, command: "PING", type: "PONG", message: "luno is here", timestamp };
}

function start({ ledger, conductor }: Orchestrator): Answer {
  const wasHalted = ledger.state.halted !== undefined;
  if (wasHalted) ledger.record({ halted: "lifted" });
  conductor.beatSoon();
  const message = wasHalted ? "The orchestrator runs again" : "The orchestrator was running already";
  return { success: true, command: "START_ORCHESTRATOR", state: "running", message };
}

/**
 * Holds the queue first, so that nothing starts behind the stop; then ends what runs, and answers when it has ended.
 * A disk that can't be written stops no halt.
 */
async function halt(by: Caller, { ledger, agents, now, log }: Orchestrator): Promise<Answer> {
  if (!ledger.state.halted) ledger.record({ halted: { since: now(), by: by.name } });
  const cancelled = await agents.stopAll("cancelled", `Halted by ${by.name}`);
  const heldInQueue = ledger.state.queue.length;
  log.warn("luno_halted", { by: by.name, cancelled: cancelled.length, heldInQueue });
  const message = `Halted; running stories cancelled: ${cancelled.length}, held in the queue: ${heldInQueue}`;
  return { success: true, command: "HALT", state: "halted", cancelled, heldInQueue, message };
}
