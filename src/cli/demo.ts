import type { Loaded } from "../config/effective.ts";
import { loadConfig } from "../config/load.ts";
import { rootFolder } from "../config/load.ts";
import { resolvePath } from "../config/paths.ts";
import { systemClock } from "../lib/clock.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import { withoutSecrets } from "../lib/without-secrets.ts";
import { createTokenSource } from "../podium/token.ts";
import type { Child, Runtime } from "../runtime/types.ts";
import { configInput } from "./config.ts";
import type { CommandSpec } from "./options.ts";
import { helpText, parseOptions, programName, usageError } from "./options.ts";
import { endSignal, logFor, serve, untilEnded } from "./serve.ts";

export const demoCommand = {
  name: "demo",
  summary: "Try it: the gateway and the stand-in orchestrator, in a folder of their own",
  usage: "[options]",
  options: [
    { name: "dir", value: "FOLDER", summary: "Where its files go; default $ROXY_ROOT/demo" },
    { name: "port", value: "PORT", summary: "First port to try for the gateway; default 8000" },
    { name: "podium-port", value: "PORT", summary: "First port to try for the orchestrator; default 3847" },
  ],
  examples: [`${programName} demo`, `${programName} demo --dir /tmp/roxy-demo --port 9000`],
} as const satisfies CommandSpec;

const host = "127.0.0.1";
/** Ports tried after the wanted one; more taken ports in a row than this are no accident. */
const portTries = 50;
/** The orchestrator starts in well under a second; a loaded machine may take ten times that. */
const startMs = 15_000;
const pollMs = 50;
const stopMs = 5_000;

/** @returns the exit code */
export async function runDemo(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(demoCommand, argv);
  if (options.help) {
    runtime.process.stdout(helpText(demoCommand));
    return exitCodes.done;
  }
  const dir = demoFolder(runtime, options.value("dir"));
  // The demo's own secret, made for this run: shows the signed way, and no other client can command its orchestrator.
  const secret = [...crypto.getRandomValues(new Uint8Array(32))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
  const wanted = { gateway: portOf(options.value("port"), 8000), podium: portOf(options.value("podium-port"), 3847) };
  const podiumPort = await freePort(runtime, wanted.podium);
  const luno = startLuno(runtime, podiumPort, `${dir}/luno`, secret);
  try {
    await ready(runtime, luno, podiumPort);
    await liftHalt(runtime, secret, podiumPort);
    const port = await freePort(runtime, wanted.gateway);
    const loaded = demoConfig(runtime, dir, secret, port, podiumPort);
    const log = logFor(runtime, loaded);
    const signalled = endSignal(runtime, log);
    const gateway = await serve(runtime, loaded, log);
    void sayWhenGone(luno, signalled, log);
    runtime.process.stdout(welcome(runtime, dir, gateway.port, podiumPort));
    return await untilEnded(gateway, log, signalled);
  } finally {
    await stop(luno);
  }
}

function demoFolder(runtime: Runtime, wanted: string | undefined): string {
  const { cwd, home } = runtime.process;
  return wanted === undefined ? `${rootFolder(runtime.process, [])}/demo` : resolvePath(wanted, { folder: cwd, home });
}

function portOf(value: string | undefined, fallback: number): number {
  if (value === undefined) return fallback;
  if (/^\d{1,5}$/.test(value) && Number(value) >= 1 && Number(value) <= 65535) return Number(value);
  throw usageError(demoCommand, "A port is a whole number from 1 to 65535");
}

/** The wanted port or the next free one. @throws Fatal when there is none nearby */
async function freePort(runtime: Runtime, wanted: number): Promise<number> {
  for (let port = wanted; port < Math.min(wanted + portTries, 65536); port++) {
    try {
      const listener = await runtime.serve({ host, port, fetch: () => new Response(null, { status: 503 }) });
      await listener.stop(true);
      if (port !== wanted) runtime.process.stdout(`Port ${wanted} is taken: using ${port} instead\n`);
      return port;
    } catch {
      // Taken: the next one, then.
    }
  }
  throw new Fatal(`Cannot find a free port from ${wanted} on`);
}

/** In a process group of its own, so that Ctrl-C reaches the gateway first and its last commands still find Podium. */
function startLuno(runtime: Runtime, port: number, dir: string, secret: string): Child {
  const { self, env, stderr, stderrIsTerminal } = runtime.process;
  // It writes into a pipe, and can't see that a person reads at the end of it.
  const format = stderrIsTerminal ? "pretty" : "json";
  const place = ["--host", host, "--port", String(port), "--dir", dir];
  return runtime.process.spawn({
    command: [...self, "luno", ...place, "--log-format", format, "--with-parent"],
    env: { ...withoutSecrets(env), PODIUM_JWT_SECRET: secret },
    group: true,
    lifeline: true,
    onLine: (line) => stderr(`luno │ ${line}\n`),
  });
}

async function ready(runtime: Runtime, luno: Child, port: number): Promise<void> {
  const url = `http://${host}:${port}/health`;
  const gone = luno.ended.then(() => "gone" as const);
  for (let waitedMs = 0; waitedMs < startMs; waitedMs += pollMs) {
    const answer = await runtime
      .exchange({ url, method: "GET", headers: {}, timeoutMs: 1000, bodyBytesMax: 65_536 })
      .catch(() => undefined);
    if (answer?.status === 200) return;
    const pause = new Promise((resolve) => setTimeout(resolve, pollMs));
    if ((await Promise.race([gone, pause])) === "gone") break;
  }
  throw new Fatal(`Cannot start the embedded orchestrator on ${host}:${port}; its own lines above say why`);
}

/**
 * A halt is on disk and outlasts a run, no action of our API lifts it, and only this run has the secret to do it directly.
 * @throws ExchangeError, Fatal
 */
async function liftHalt(runtime: Runtime, secret: string, port: number): Promise<void> {
  const sign = createTokenSource({ secret, ttlS: 60, clock: systemClock, hmacSha256: runtime.hmacSha256 });
  const token = await sign({ subject: "demo", role: "admin" });
  const { status } = await runtime.exchange({
    url: `http://${host}:${port}/api/command`,
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "START_ORCHESTRATOR" }),
    timeoutMs: startMs,
    bodyBytesMax: 65_536,
  });
  if (status !== 200)
    throw new Fatal(`Cannot start the embedded orchestrator: it answers START_ORCHESTRATOR with ${status}`);
}

/** An environment of its own: the demo must neither read the user's real settings nor reach the real Podium. */
function demoConfig(runtime: Runtime, dir: string, secret: string, port: number, podiumPort: number): Loaded {
  const input = configInput(runtime, {
    settings: [
      { key: "listen.port", value: String(port), flag: "demo" },
      { key: "podium.url", value: `http://${host}:${podiumPort}`, flag: "demo" },
    ],
  });
  return loadConfig({ ...input, env: { ROXY_ROOT: dir, PODIUM_JWT_SECRET: secret } });
}

/** @param signalled resolves when the demo is told to end, and its orchestrator with it */
async function sayWhenGone(luno: Child, signalled: Promise<undefined>, log: Log): Promise<void> {
  const end = await Promise.race([luno.ended, signalled]);
  if (end) log.warn("luno_ended", { ...end, message: "the gateway goes on and says that Podium can't be reached" });
}

async function stop(luno: Child): Promise<void> {
  luno.kill("SIGTERM");
  const hurry = setTimeout(() => luno.kill("SIGKILL"), stopMs);
  await luno.ended;
  clearTimeout(hurry);
}

function welcome({ process }: Runtime, dir: string, port: number, podiumPort: number): string {
  const base = `http://${host}:${port}`;
  const places = [
    [`${base}/api/orchestrator/status`, "what the orchestrator says"],
    [`ws://${host}:${port}/api/orchestrator/stream`, "its telemetry, live"],
    [`${dir}/logs/orchestrator-audit.jsonl`, "who started what, when"],
    [`${dir}/luno`, "the orchestrator's stories and plans, to edit"],
  ] as const;
  const verify = `ROXY_ROOT=${shellWord(dir)} ${process.self.map(shellWord).join(" ")} audit verify`;
  const width = Math.max(...places.map(([place]) => place.length));
  return `
roxy-core is open at ${base}, in front of the embedded orchestrator (a stand-in for Podium) at port ${podiumPort}.

Open ${base}/ in a browser, or dispatch a story from here:

  curl -s ${base}/api/orchestrator/dispatch -H 'content-type: application/json' \\
    -d '{"action":"enqueue_story","payload":{"story_id":"STORY-001"},"source":"demo"}'

Then look:
${places.map(([place, what]) => `  ${place.padEnd(width)}  ${what}`).join("\n")}

The files lie in a folder of the demo's own, which other commands are told by ROXY_ROOT:

  ${verify}

A story that is done is refused, as Podium does. To begin again, stop the demo, remove ${dir}/luno/state.json and start it.
A halt lasts until the demo is started again.

Ctrl-C stops both.

`;
}

function shellWord(text: string): string {
  return /^[\w./:@%+-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
