import { existsSync, mkdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { readLines, readRecords } from "./audit-file.ts";
import type { Child, ChildOptions, Ended, Ran } from "./child.ts";
import { run, startChild } from "./child.ts";
import type { Json } from "./http-client.ts";

export const repository = path.resolve(import.meta.dirname, "../..");

/** One way to start the program. */
export interface Launcher {
  readonly name: string;
  readonly command: readonly string[];
  /** Why it can't be used here; undefined when it can. */
  readonly missing: string | undefined;
}

const main = `${repository}/src/main.ts`;
const deno = process.env["ROXY_TEST_DENO"] ?? `${repository}/node_modules/@deno/linux-x64-glibc/deno`;
const binary = process.env["ROXY_TEST_BINARY"] ?? `${repository}/dist/roxy-core`;

function orMissing(file: string, remedy: string): string | undefined {
  return existsSync(file) ? undefined : `there is no ${file}: ${remedy}`;
}

export const bunLauncher: Launcher = { name: "bun", command: [process.execPath, main], missing: undefined };
export const denoLauncher: Launcher = {
  name: "deno",
  command: [deno, "run", "-A", "--no-prompt", main],
  missing: orMissing(deno, "install the packages, or name one in ROXY_TEST_DENO"),
};
export const binaryLauncher: Launcher = {
  name: "binary",
  command: [binary],
  missing: orMissing(binary, "make it with `bun run build`, or name one in ROXY_TEST_BINARY"),
};

/** Deno compiles each module once into this folder: with a new one for each start, each would take a second. */
const denoFolder = path.join(tmpdir(), `roxy-core-test-deno-${process.getuid?.() ?? 0}`);

/** An environment of its own: nothing of the user's settings, and nothing of this test's own. */
export function environment(root: string, more: Readonly<Record<string, string>> = {}): Record<string, string> {
  return {
    PATH: "/usr/bin:/bin",
    HOME: root,
    ROXY_ROOT: root,
    DENO_DIR: denoFolder,
    DENO_NO_UPDATE_CHECK: "1",
    ...more,
  };
}

/** The name of a folder that no other test has; `makeRoot` makes it. */
export function plannedRoot(): string {
  return path.join(tmpdir(), `roxy-core-e2e-${crypto.randomUUID()}`);
}

export function makeRoot(root: string): void {
  mkdirSync(root, { mode: 0o700 });
}

export function removeRoot(root: string): void {
  rmSync(root, { recursive: true, force: true });
}

/** Runs one command of the program to its end. */
export function runCommand(launcher: Launcher, args: readonly string[], options: ChildOptions): Promise<Ran> {
  return run([...launcher.command, ...args], { cwd: options.env["HOME"] ?? "/", ...options });
}

export interface GatewayOptions {
  readonly podiumUrl: string;
  /** An earlier gateway's folder; else a new one. */
  readonly root?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** `--set KEY=VALUE` for each, over limits that are out of the way. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Leave the limits as a user finds them. */
  readonly defaultLimits?: boolean;
  readonly args?: readonly string[];
}

export interface Gateway {
  readonly baseUrl: string;
  readonly wsUrl: string;
  readonly port: number;
  readonly root: string;
  readonly child: Child;
  auditLines(): string[];
  records(): Json[];
  /** Lines of its own log. */
  logged(): Json[];
  /** SIGTERM, and wait. The folder stays. */
  stop(): Promise<Ended>;
  /** SIGKILL, and wait. The folder stays. */
  kill(): Promise<Ended>;
}

const outOfTheWay = { "limits.dispatch_per_minute": "100000", "limits.story_cooldown_s": "0" };

export async function startGateway(launcher: Launcher, options: GatewayOptions): Promise<Gateway> {
  const root = options.root ?? plannedRoot();
  if (!existsSync(root)) makeRoot(root);
  const settings = { ...(options.defaultLimits ? {} : outOfTheWay), ...options.settings };
  const flags = Object.entries(settings).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  const args = ["serve", "--port", "0", "--podium-url", options.podiumUrl, ...flags, ...(options.args ?? [])];
  const child = startChild([...launcher.command, ...args], { cwd: root, env: environment(root, options.env) });
  const baseUrl = await listeningUrl(child);
  const end = (signal: NodeJS.Signals): Promise<Ended> => {
    child.kill(signal);
    return child.ended;
  };
  return {
    baseUrl,
    wsUrl: baseUrl.replace(/^http/, "ws"),
    port: Number(new URL(baseUrl).port),
    root,
    child,
    auditLines: () => readLines(root),
    records: () => readRecords(root),
    logged: () => jsonLines(child.stderr()),
    stop: () => end("SIGTERM"),
    kill: () => end("SIGKILL"),
  };
}

/** The address that the program says it listens on. */
export function listeningUrl(child: Child): Promise<string> {
  return child.line((line) => {
    if (!line.includes('"event":"listening"')) return undefined;
    return (JSON.parse(line) as { url: string }).url;
  }, "it listens");
}

export function jsonLines(text: string): Json[] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line));
}
