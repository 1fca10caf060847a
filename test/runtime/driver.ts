import { spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import type { OutgoingRequest } from "../../src/runtime/types.ts";

const root = path.join(import.meta.dir, "../..");

/** How a script of ours is started on each runtime. */
export const launchers = {
  bun: [process.execPath],
  deno: [path.join(root, "node_modules/@deno/linux-x64-glibc/deno"), "run", "-A", "--quiet"],
} as const;
export type RuntimeName = keyof typeof launchers;
export const runtimeNames = ["bun", "deno"] as const satisfies readonly RuntimeName[];

export interface Result {
  readonly id: number;
  readonly status?: number;
  readonly contentType?: string;
  readonly body?: string;
  readonly kind?: string;
  readonly sent?: boolean;
  readonly message?: string;
}

export interface How {
  /** Milliseconds that the driver is busy for before each. */
  readonly spinMs?: number;
  /** Not to leave when it comes to that. */
  readonly withdrawn?: boolean;
}

export interface Driver {
  exchange(request: OutgoingRequest, how?: How): Promise<Result>;
  /** Each is started by the driver itself, in the very moment that the one before has its answer. */
  oneAfterTheOther(requests: readonly OutgoingRequest[], how?: How): Promise<Result[]>;
  stop(): void;
}

/** A process of the wanted runtime that runs exchanges for us. */
export function startDriver(name: RuntimeName, env: Readonly<Record<string, string>>): Driver {
  const [program, ...args] = [...launchers[name], path.join(import.meta.dir, "exchange-driver.ts")];
  const child = spawn(program, args, {
    cwd: root,
    // Deno asks for news of itself, through the proxy; that is not what is watched here.
    env: { ...process.env, DENO_NO_UPDATE_CHECK: "1", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const waiting = new Map<number, (result: Result) => void>();
  let count = 0;
  const answerTo = (id: number): Promise<Result> => new Promise((resolve) => waiting.set(id, resolve));
  createInterface({ input: child.stdout }).on("line", (line) => {
    const result = JSON.parse(line) as Result;
    waiting.get(result.id)?.(result);
    waiting.delete(result.id);
  });
  return {
    exchange(request, how) {
      const id = ++count;
      child.stdin.write(`${JSON.stringify([{ id, request, ...how }])}\n`);
      return answerTo(id);
    },
    oneAfterTheOther(requests, how) {
      const asked = requests.map((request) => ({ id: ++count, request, ...how }));
      child.stdin.write(`${JSON.stringify(asked)}\n`);
      return Promise.all(asked.map(({ id }) => answerTo(id)));
    },
    stop: () => void child.kill("SIGKILL"),
  };
}
