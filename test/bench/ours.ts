import { cpSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { Spawn } from "./worker.ts";

/** The program as users get it: compiled, with its default durability. Only limits are raised. */

const repository = join(import.meta.dir, "../..");
const built = join(repository, "dist/roxy-core");

/** The binary to measure; built anew into the temporary folder when the source is newer than the one in `dist`. */
export async function buildOurs(folder: string): Promise<string> {
  const named = process.env["ROXY_BENCH_BINARY"];
  if (named !== undefined) return named;
  if (existsSync(built) && statSync(built).mtimeMs > newest(join(repository, "src"))) return built;
  const tree = join(folder, "tree");
  mkdirSync(tree);
  for (const name of ["src", "build.ts", "package.json", "tsconfig.json"]) {
    cpSync(join(repository, name), join(tree, name), { recursive: true });
  }
  symlinkSync(join(repository, "node_modules"), join(tree, "node_modules"));
  await run([process.execPath, "build.ts"], tree);
  return join(tree, "dist/roxy-core");
}

/** The same compiler, with the same switches. */
export async function buildHello(folder: string): Promise<string> {
  const outfile = join(folder, "hello");
  const source = join(import.meta.dir, "contenders/hello.ts");
  const flags = ["--compile", "--minify", "--bytecode", "--outfile", outfile];
  await run([process.execPath, "build", source, ...flags], folder);
  return outfile;
}

async function run(command: string[], cwd: string): Promise<void> {
  const child = Bun.spawn(command, { cwd, stdout: "ignore", stderr: "pipe" });
  const said = await new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.join(" ")}: ${said}`);
}

function newest(folder: string): number {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  return Math.max(...files.map((entry) => statSync(join(entry.parentPath, entry.name)).mtimeMs));
}

const limitsOutOfTheWay = {
  "limits.dispatch_per_minute": 1_000_000,
  "limits.story_cooldown_s": 0,
  "podium.queue_limit": 10_000,
  "podium.max_in_flight": 32,
  "stream.clients_per_address_max": 20_000,
};

export interface OursOptions {
  readonly binary: string;
  /** `ROXY_ROOT`: the log lies in its `logs`. */
  readonly root: string;
  readonly podiumPort: number;
  readonly telemetryPort: number;
  readonly settings?: Readonly<Record<string, string | number>>;
}

export interface Ours {
  readonly port: number;
  readonly process: Spawn;
  /** Spawn to the line that says where it listens. */
  readonly startMs: number;
}

export function serveCommand(
  { binary, podiumPort, telemetryPort, settings }: Omit<OursOptions, "root">,
  port = 0,
): string[] {
  const set = { ...limitsOutOfTheWay, "podium.ws_url": `ws://127.0.0.1:${telemetryPort}/ws?who=ours`, ...settings };
  const flags = Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  // A program from source is named by its main.ts.
  const program = binary.endsWith(".ts") ? [process.execPath, binary] : [binary];
  return [...program, "serve", "--port", String(port), "--podium-url", `http://127.0.0.1:${podiumPort}`, ...flags];
}

export function environment(root: string): Record<string, string> {
  return { ROXY_ROOT: root, PODIUM_JWT_SECRET: "a secret for the bench, long enough for HS256" };
}

export async function startOurs(options: OursOptions): Promise<Ours> {
  mkdirSync(options.root, { recursive: true, mode: 0o700 });
  const started = performance.now();
  const gateway = new Spawn({
    command: serveCommand(options),
    env: environment(options.root),
    cwd: options.root,
    speaksOn: "stderr",
  });
  for (;;) {
    const line = await gateway.line();
    const said = line.startsWith("{") ? (JSON.parse(line) as { event: string; url: string }) : undefined;
    if (said === undefined) throw new Error(`roxy-core said: ${line}`);
    if (said.event !== "listening") continue;
    gateway.drain();
    return { port: Number(new URL(said.url).port), process: gateway, startMs: performance.now() - started };
  }
}
