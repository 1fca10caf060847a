import { spawn } from "node:child_process";
import { Watch } from "./watch.ts";

export interface Ended {
  readonly code: number | null;
  readonly signal: string | null;
}

/** A process of ours with everything it has said. */
export interface Child {
  readonly pid: number;
  readonly ended: Promise<Ended>;
  stdout(): string;
  stderr(): string;
  /** The first line of standard output or error that this finds something in. */
  line<T>(find: (line: string) => T | undefined, what: string): Promise<T>;
  kill(signal: NodeJS.Signals): void;
}

export interface ChildOptions {
  readonly cwd?: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin?: string;
}

const alive = new Set<Child>();
process.on("exit", () => killAll());

/** Nothing of ours may outlive the tests, whatever happens to them. */
export function killAll(): void {
  for (const child of alive) child.kill("SIGKILL");
}

export function startChild(command: readonly string[], { cwd, env, stdin }: ChildOptions): Child {
  const [program = "", ...args] = command;
  const said = { stdout: "", stderr: "" };
  const watch = new Watch();
  let over = false;
  const child = spawn(program, args, { cwd, env, stdio: [stdin === undefined ? "ignore" : "pipe", "pipe", "pipe"] });
  child.stdin?.end(stdin);
  for (const name of ["stdout", "stderr"] as const) {
    child[name]?.setEncoding("utf8").on("data", (text: string) => {
      said[name] += text;
      watch.changed();
    });
  }
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      over = true;
      alive.delete(self);
      watch.changed();
      resolve({ code, signal });
    });
  });
  const self: Child = {
    pid: child.pid ?? -1,
    ended,
    stdout: () => said.stdout,
    stderr: () => said.stderr,
    line: (find, what) => lineIn(watch, said, () => over, find, what),
    kill: (signal) => void child.kill(signal),
  };
  alive.add(self);
  return self;
}

async function lineIn<T>(
  watch: Watch,
  said: { stdout: string; stderr: string },
  over: () => boolean,
  find: (line: string) => T | undefined,
  what: string,
): Promise<T> {
  const all = (): string => `It said:\n${said.stdout}${said.stderr}`;
  const look = (): { found: T } | "over" | undefined => {
    for (const line of `${said.stdout}\n${said.stderr}`.split("\n")) {
      const found = find(line);
      if (found !== undefined) return { found };
    }
    return over() ? "over" : undefined;
  };
  const result = await watch.until(look, what, all);
  if (result === "over") throw new Error(`The process ended before ${what}. ${all()}`);
  return result.found;
}

export interface Ran extends Ended {
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command to its end. */
export async function run(command: readonly string[], options: ChildOptions): Promise<Ran> {
  const child = startChild(command, options);
  const ended = await child.ended;
  return { ...ended, stdout: child.stdout(), stderr: child.stderr() };
}

/** Whether a process of this id is there (a zombie counts as gone). */
export async function isRunning(pid: number): Promise<boolean> {
  const status = await Bun.file(`/proc/${pid}/status`)
    .text()
    .catch(() => "");
  return status !== "" && !/^State:\s+Z/m.test(status);
}
