import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Child } from "../e2e/child.ts";
import { startChild } from "../e2e/child.ts";
import { bunLauncher, environment, listeningUrl } from "../e2e/launcher.ts";

/** A server of ours on a port that it keeps over kills, so that a page finds it again. */
export class Server {
  readonly #start: (port: number) => Promise<{ child: Child; url: string }>;
  #child: Child | undefined;
  url = "";
  /** Its `$ROXY_ROOT`. */
  readonly folder: string;

  constructor(folder: string, start: (port: number) => Promise<{ child: Child; url: string }>) {
    this.folder = folder;
    this.#start = start;
  }

  get port(): number {
    return this.url === "" ? 0 : Number(new URL(this.url).port);
  }

  async start(): Promise<this> {
    const { child, url } = await this.#start(this.port);
    this.#child = child;
    this.url = url;
    return this;
  }

  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#child?.ended;
  }

  /** Stops its every thread: it holds its port and its connections, and does nothing. */
  freeze(): void {
    this.#child?.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child?.kill("SIGCONT");
  }
}

const folders: string[] = [];

export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "roxy-panel-"));
  folders.push(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
}

/** The embedded orchestrator, as a process of its own. */
export function lunoServer(folder = newFolder()): Server {
  return new Server(folder, async (port) => {
    const args = ["luno", "--port", String(port), "--dir", `${folder}/luno`, "--run-ms", "200", "--beat-ms", "50"];
    const child = startChild([...bunLauncher.command, ...args], { cwd: folder, env: environment(folder) });
    const url = await child.line((line) => /"url":"(http:[^"]+)"/.exec(line)?.[1], "luno listens");
    return { child, url };
  });
}

/** The gateway. Limits are out of the way, unless a test is about them. */
export function gatewayServer(podiumUrl: string, settings: Readonly<Record<string, string>> = {}): Server {
  const folder = newFolder();
  const all = { "limits.dispatch_per_minute": "10000", "limits.story_cooldown_s": "0", ...settings };
  const flags = Object.entries(all).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
  return new Server(folder, async (port) => {
    const args = ["serve", "--port", String(port), "--podium-url", podiumUrl, ...flags];
    const child = startChild([...bunLauncher.command, ...args], { cwd: folder, env: environment(folder) });
    return { child, url: await listeningUrl(child) };
  });
}
