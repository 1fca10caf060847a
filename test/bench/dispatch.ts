import { spawnSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Budget } from "./budget.ts";
import { ratios, spreadOf, takeTurns } from "./measure.ts";
import { environment, startOurs } from "./ours.ts";
import type { Scene } from "./scene.ts";
import { freePort } from "./ports.ts";
import { begin, note, tell, units } from "./report.ts";
import { Spawn, Worker } from "./worker.ts";

/** Dispatches: one caller and 32, through the limit, ours, the earlier stack and a plain reverse proxy. */

interface Measured {
  readonly count: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  readonly cpuMs: number;
  readonly wrong?: string;
  readonly unanswered: number;
}

interface Contender {
  readonly port: number;
  readonly path: string;
  readonly process?: Spawn;
}

interface Turn extends Measured {
  /** Of the contender's own process. */
  readonly cpuUsEach: number;
}

const ourPath = "/api/orchestrator/dispatch";

export async function measureDispatch(scene: Scene, budget: Budget): Promise<void> {
  const { podium, folder } = scene;
  const hop = await Worker.start("hop.ts", podium.ready.port);
  const disk = await Worker.start("disk.ts", folder);
  const laneOf = (lane: string, maxInFlight: number) =>
    startOurs({ ...scene.ours(lane), settings: { "podium.max_in_flight": maxInFlight } });
  const wide = await laneOf("wide", 32);
  const narrow = await laneOf("narrow", 1);
  const contenders: Record<string, Contender> = {
    limit: { port: hop.ready.port, path: ourPath, process: hop },
    ours: { port: wide.port, path: ourPath, process: wide.process },
    ...(scene.pythonMissing === undefined && { earlier: await earlierStack(scene) }),
    ...optional("proxy", await reverseProxy(scene)),
  };
  const callers = await Worker.start("callers.ts");
  const load = (contender: Contender, count: number, ms: number) => turn(callers, contender, count, ms);
  const lane = { port: narrow.port, path: ourPath, process: narrow.process };
  // Compilers at run time have done their work after some thousand requests; each contender gets the same time for it.
  for (const contender of [...Object.values(contenders), lane]) await load(contender, 32, budget.of(2500, 600));
  begin("Dispatch, one caller");
  const ms = budget.of(1000, 250);
  const rounds = budget.of(5, 2);
  const one = await takeTurns<string, Turn>(rounds, {
    ...each(contenders, (contender) => load(contender, 1, ms)),
    disk: async () => ({ ...(await disk.ask<{ p50Us: number }>({ ms: ms / 2 })) }) as Turn,
  });
  tellOneCaller(one);
  begin("Dispatch, 32 callers");
  const many = await takeTurns<string, Turn>(rounds, {
    ...each(contenders, (contender) => load(contender, 32, ms)),
    lane: () => load(lane, 32, ms),
    loop: () => load(contenders["limit"]!, 1, ms),
    stub: () => load({ port: podium.ready.port, path: "/api/command", process: podium }, 32, ms),
  });
  tellManyCallers(many);
  const total = [...one["ours"]!, ...many["ours"]!].reduce((sum, { count }) => sum + count, 0);
  const rss = spreadOf([wide.process.rss()]);
  tell({ what: "resident after all of that", ours: `${units.mb(rss)} after some ${total} dispatches`, against: "–" });
  await proveLog(scene, wide.process, "wide", total);
  await Promise.all([hop, disk, narrow.process, callers].map((worker) => worker.stop()));
  for (const { process: spawned } of Object.values(contenders)) await spawned?.stop();
}

function each<T>(
  contenders: Record<string, Contender>,
  use: (contender: Contender) => Promise<T>,
): Record<string, () => Promise<T>> {
  return Object.fromEntries(Object.entries(contenders).map(([name, contender]) => [name, () => use(contender)]));
}

function optional<T>(name: string, value: T | undefined): Record<string, T> {
  return value === undefined ? {} : { [name]: value };
}

/** @throws Error when anything but a yes came back: what answers wrongly may be fast */
async function turn(
  callers: Worker,
  { port, path, process: spawned }: Contender,
  count: number,
  ms: number,
): Promise<Turn> {
  const before = spawned?.cpuMs() ?? 0;
  const warmMs = 150;
  const measured = await callers.ask<Measured>({ port, path, callers: count, warmMs, ms });
  if (measured.wrong !== undefined || measured.count === 0)
    throw new Error(`${path}: ${measured.wrong ?? "no answer"}`);
  const cpuMs = (spawned?.cpuMs() ?? 0) - before;
  return { ...measured, cpuUsEach: (cpuMs * 1000) / (measured.count * (1 + warmMs / ms)) };
}

const p50 = (turns: readonly Turn[]): number[] => turns.map(({ p50Us }) => p50Us);
const p99 = (turns: readonly Turn[]): number[] => turns.map(({ p99Us }) => p99Us);
const rate = (turns: readonly Turn[]): number[] => turns.map(({ perSecond }) => perSecond);
const cpu = (turns: readonly Turn[]): number[] => turns.map(({ cpuUsEach }) => cpuUsEach);

function tellOneCaller({ limit, ours, earlier, proxy, disk }: Record<string, Turn[]>): void {
  const bound = p50(limit!).map((us, round) => us + 2 * disk![round]!.p50Us);
  tell({
    what: "p50",
    ours: units.us(spreadOf(p50(ours!))),
    against: `limit's hop ${units.us(spreadOf(p50(limit!)))} + 2 × fdatasync ${units.us(spreadOf(p50(disk!)))}`,
    ratio: ratios(p50(ours!), bound),
    goal: { atMost: 1.3 },
  });
  if (earlier) {
    tell({
      what: "p50",
      ours: units.us(spreadOf(p50(ours!))),
      against: `earlier stack ${units.us(spreadOf(p50(earlier)))}, nothing synced`,
      ratio: ratios(p50(ours!), p50(earlier)),
      goal: { atMost: 0.8 },
    });
  }
  if (proxy) {
    tell({
      what: "p50",
      ours: units.us(spreadOf(p50(ours!))),
      against: `nginx as a plain reverse proxy ${units.us(spreadOf(p50(proxy)))}`,
      ratio: ratios(p50(ours!), p50(proxy)),
    });
  }
  tell({
    what: "CPU a dispatch",
    ours: units.us(spreadOf(cpu(ours!))),
    against: `limit ${units.us(spreadOf(cpu(limit!)))}${earlier ? `, earlier stack ${units.us(spreadOf(cpu(earlier)))}` : ""}`,
  });
}

function tellManyCallers({ limit, ours, earlier, proxy, lane, loop, stub }: Record<string, Turn[]>): void {
  const throughput = (name: string, theirs: Turn[], more: object = {}): void =>
    tell({
      what: "dispatches",
      ours: units.perSecond(spreadOf(rate(ours!))),
      against: `${name} ${units.perSecond(spreadOf(rate(theirs)))}`,
      ratio: ratios(rate(ours!), rate(theirs)),
      ...more,
    });
  throughput("limit", limit!, { goal: { atLeast: 0.5 } });
  if (earlier) throughput("earlier stack", earlier, { goal: { atLeast: 10 } });
  if (proxy) throughput("nginx as a plain reverse proxy", proxy);
  tell({
    what: "sequential lane",
    ours: units.perSecond(spreadOf(rate(lane!))),
    against: `one caller after the other through the limit ${units.perSecond(spreadOf(rate(loop!)))}`,
    ratio: ratios(rate(lane!), rate(loop!)),
    goal: { atLeast: 0.8 },
  });
  tell({
    what: "p99",
    ours: units.us(spreadOf(p99(ours!))),
    against: `its own p50 ${units.us(spreadOf(p50(ours!)))}`,
    ratio: ratios(p99(ours!), p50(ours!)),
    goal: { atMost: 3 },
  });
  tell({
    what: "CPU a dispatch",
    ours: units.us(spreadOf(cpu(ours!))),
    against: `limit ${units.us(spreadOf(cpu(limit!)))}, sequential lane ${units.us(spreadOf(cpu(lane!)))}${earlier ? `, earlier stack ${units.us(spreadOf(cpu(earlier)))}` : ""}`,
  });
  const loadUs = stub!.map(({ cpuMs, count }) => (cpuMs * 1000) / (count * 1.15));
  tell({
    what: "the load alone",
    ours: `${units.us(spreadOf(loadUs))} CPU a request`,
    against: `Podium's stand-in, asked directly: ${units.perSecond(spreadOf(rate(stub!)))}`,
  });
}

/** Fast is nothing without the evidence: the log of the run must verify, and hold two records for each dispatch. */
async function proveLog(scene: Scene, gateway: Spawn, lane: string, answered: number): Promise<void> {
  await gateway.stop("SIGTERM");
  const { root } = scene.ours(lane);
  const { status, stdout } = spawnSync(scene.binary, ["audit", "verify", join(root, "logs")], {
    env: environment(root),
    encoding: "utf8",
  });
  const records = Number(/(\d[\d,. ]*) records/.exec(stdout)?.[1]?.replaceAll(/\D/g, ""));
  if (status !== 0 || !(records >= 2 * answered)) throw new Error(`the log of the run does not verify: ${stdout}`);
  note(
    `The log that ours wrote at 1 and 32 callers verifies: ${records} records for ${answered} timed dispatches and the warming up.`,
  );
}

async function earlierStack({ podium, folder }: Scene): Promise<Contender> {
  const earlier = await Worker.start(
    "earlier-stack.py",
    podium.ready.port,
    podium.ready.telemetryPort,
    join(folder, "earlier.jsonl"),
  );
  return { port: earlier.ready.port, path: ourPath, process: earlier };
}

/** nginx between the same two ends: what a door that does nothing costs. */
async function reverseProxy({ podium, folder }: Scene): Promise<Contender | undefined> {
  const program = Bun.which("nginx", { PATH: "/usr/sbin:/usr/bin" });
  if (!program) {
    note("nginx is not installed (Debian: nginx-light): the plain reverse proxy is left out.");
    return undefined;
  }
  const root = join(folder, "nginx");
  mkdirSync(root);
  const port = freePort();
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${root}/${name};`,
  );
  const user = process.getuid?.() === 0 ? "user root;" : "";
  const server = `listen 127.0.0.1:${port}; location / { proxy_pass http://podium; proxy_http_version 1.1; proxy_set_header Connection ""; }`;
  const upstream = `upstream podium { server 127.0.0.1:${podium.ready.port}; keepalive 64; }`;
  const http = `http { access_log off; keepalive_requests 100000000; ${paths.join(" ")} ${upstream} server { ${server} } }`;
  writeFileSync(
    join(root, "nginx.conf"),
    `${user} daemon off; pid ${root}/pid; error_log stderr; worker_processes auto; events {} ${http}`,
  );
  const proxy = new Spawn({
    command: [program, "-p", root, "-e", "stderr", "-c", join(root, "nginx.conf")],
    speaksOn: "stdout",
    endsBy: "SIGTERM",
  });
  await reachable(port);
  return { port, path: "/api/command", process: proxy };
}

async function reachable(port: number): Promise<void> {
  for (let tries = 0; tries < 200; tries++) {
    try {
      (await Bun.connect({ hostname: "127.0.0.1", port, socket: { data() {} } })).end();
      return;
    } catch {
      await Bun.sleep(20);
    }
  }
  throw new Error("nginx does not listen");
}
