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

/** What is told of a command on the stream and in the logs: the ids, never a nonce. */
interface Report {
  readonly command: string;
  readonly by: string;
  readonly ids: { readonly storyId?: string; readonly planId?: string };
}

/** Everything that changes something: admins only, each answer announced as COMMAND_RESULT. */
export function commandRoutes(orchestrator: Orchestrator): Hono<LunoEnv> {
  const routes = new Hono<LunoEnv>();
  routes.post("/api/command", async (c) => {
    const body = await admitted(c);
    const command = textOf(body, "type", 64) ?? "?";
    return answer(c, reportOf(c, command, body), orchestrator, () =>
      runCommandRequest(body, c.var.caller, orchestrator),
    );
  });
  for (const step of planSteps) {
    const command = { "prepare-apply": "PREPARE_APPLY", apply: "APPLY", enqueue: "ENQUEUE_PLAN" }[step];
    routes.post(`/api/governance/skoreq/${step}`, async (c) => {
      const body = await admitted(c);
      return answer(c, reportOf(c, command, body), orchestrator, () =>
        runPlanStep(step, body, c.var.caller, orchestrator),
      );
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
  report: Report,
  orchestrator: Orchestrator,
  run: () => Answer | Promise<Answer>,
): Promise<Response> {
  try {
    const result = await run();
    reportSuccess(report, result, orchestrator);
    return c.json(result);
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    reportRefusal(report, error.message, orchestrator);
    return c.json({ success: false, error: error.message, ...report.ids }, error.status);
  }
}

function reportSuccess({ command, by, ids }: Report, result: Answer, orchestrator: Orchestrator): void {
  const { telemetry, log, logs, now } = orchestrator;
  const { status, message } = result;
  const told = { ...(status !== undefined && { status }), message };
  telemetry.publish({ type: "COMMAND_RESULT", command, success: true, ...ids, ...told, timestamp: now() });
  log.info("luno_command", { command, ...ids, by });
  // A ping every few seconds would push everything else out of the ring.
  if (command !== "PING") logs.add({ timestamp: now(), level: "info", message: `${command} by ${by}: ${message}` });
}

function reportRefusal({ command, by, ids }: Report, error: string, orchestrator: Orchestrator): void {
  const { telemetry, log, logs, now } = orchestrator;
  telemetry.publish({ type: "COMMAND_RESULT", command, success: false, ...ids, error, timestamp: now() });
  log.info("luno_command_refused", { command, ...ids, by, reason: error });
  logs.add({ timestamp: now(), level: "warn", message: error });
}

function reportOf(c: Context<LunoEnv>, command: string, body: object): Report {
  const [storyId, planId] = [textOf(body, "storyId", 128), textOf(body, "planId", 128)];
  const ids = { ...(storyId !== undefined && { storyId }), ...(planId !== undefined && { planId }) };
  return { command, by: c.var.caller.name, ids };
}

/** A text of the body that may be repeated; one that is too long, or no text, is left out. */
function textOf(body: object, key: string, lengthMax: number): string | undefined {
  const text = (body as Record<string, unknown>)[key];
  return typeof text === "string" && text.length <= lengthMax ? text : undefined;
}
