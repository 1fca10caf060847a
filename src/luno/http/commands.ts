import type { Context } from "hono";
import { Hono } from "hono";
import { demand } from "../admission.ts";
import type { Answer } from "../commands.ts";
import { runCommandRequest } from "../commands.ts";
import type { Orchestrator } from "../orchestrator.ts";
import { planSteps, runPlanStep } from "../plan-commands.ts";
import { Refusal } from "../vocabulary.ts";
import type { LunoEnv } from "./request.ts";
import { readObject } from "./request.ts";

/** Everything that changes something: admins only, each answer announced as COMMAND_RESULT. */
export function commandRoutes(orchestrator: Orchestrator): Hono<LunoEnv> {
  const routes = new Hono<LunoEnv>();
  routes.post("/api/command", async (c) => {
    const body = await admitted(c);
    return answer(c, body, String(fieldOf(body, "type") ?? "?"), orchestrator, () =>
      runCommandRequest(body, c.var.caller, orchestrator),
    );
  });
  for (const step of planSteps) {
    const name = { "prepare-apply": "PREPARE_APPLY", apply: "APPLY", enqueue: "ENQUEUE_PLAN" }[step];
    routes.post(`/api/governance/skoreq/${step}`, async (c) => {
      const body = await admitted(c);
      return answer(c, body, name, orchestrator, () => runPlanStep(step, body, c.var.caller, orchestrator));
    });
  }
  return routes;
}

/** The role comes before the body: who may not command is told so, whatever was sent. */
function admitted(c: Context<LunoEnv>): Promise<object> {
  demand("admin", c.var.caller);
  return readObject(c);
}

async function answer(
  c: Context<LunoEnv>,
  body: object,
  command: string,
  orchestrator: Orchestrator,
  run: () => Answer | Promise<Answer>,
): Promise<Response> {
  const { telemetry, log, logs, now } = orchestrator;
  const about = {
    ...idOf(body, "storyId"),
    ...idOf(body, "planId"),
  };
  const by = c.var.caller.name;
  try {
    const result = await run();
    const { message, status } = result as { message?: string; status?: string };
    telemetry.publish({
      ...{ type: "COMMAND_RESULT", command, success: true, ...about, timestamp: now() },
      ...(status !== undefined && { status }),
      ...(message !== undefined && { message }),
    });
    log.info("luno_command", { command, ...about, by });
    if (command !== "PING") logs.add({ timestamp: now(), level: "info", message: `${command} by ${by}: ${message}` });
    return c.json(result);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const shown = command.slice(0, 64);
    telemetry.publish({
      ...{ type: "COMMAND_RESULT", command: shown, success: false, ...about, error: error.message, timestamp: now() },
    });
    log.info("luno_command_refused", { command: shown, ...about, by, reason: error.message });
    logs.add({ timestamp: now(), level: "warn", message: error.message });
    return c.json({ success: false, error: error.message, ...about }, error.status);
  }
}

function fieldOf(body: object, key: string): unknown {
  return (body as Record<string, unknown>)[key];
}

/** The id that the answer repeats; one that is no short text is left out. */
function idOf<K extends string>(body: object, key: K): { [P in K]?: string } {
  const id = fieldOf(body, key);
  return typeof id === "string" && id.length <= 128 ? ({ [key]: id } as { [P in K]?: string }) : {};
}
