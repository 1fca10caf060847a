import { readFileSync } from "node:fs";

/** Processes that the bench starts; all of them end with it. */

const running = new Set<Spawn>();

export function endAll(): void {
  for (const spawned of running) spawned.end();
}

/** Runs a command under the descriptor limit that thousands of clients need, as far as the machine allows it. */
export function withDescriptors(command: readonly string[]): string[] {
  return ["/bin/sh", "-c", 'ulimit -n "$(ulimit -Hn)" 2>/dev/null; exec "$@"', "sh", ...command];
}

/** Descriptors that a child of ours may have. */
export function descriptorsMax(): number {
  const { stdout } = Bun.spawnSync(["/bin/sh", "-c", "ulimit -Hn"]);
  const limit = stdout.toString().trim();
  return limit === "unlimited" ? Infinity : Number(limit);
}

export interface Spawned {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Where its lines are read from; the other stream is passed through or dropped. */
  readonly speaksOn: "stdout" | "stderr";
  /** SIGKILL, unless it has processes of its own to take along. */
  readonly endsBy?: "SIGTERM" | "SIGKILL";
}

/** A process, its lines as they come, and what the kernel says about it. */
export class Spawn {
  readonly #child: Bun.Subprocess<"pipe", "pipe" | "ignore", "pipe" | "inherit">;
  readonly #lines: AsyncGenerator<string>;
  readonly #name: string;
  readonly #endsBy: "SIGTERM" | "SIGKILL";

  constructor({ command, env, cwd, speaksOn, endsBy = "SIGKILL" }: Spawned) {
    this.#endsBy = endsBy;
    this.#name = command.join(" ").slice(0, 100);
    this.#child = Bun.spawn(withDescriptors(command), {
      stdin: "pipe",
      stdout: speaksOn === "stdout" ? "pipe" : "ignore",
      stderr: speaksOn === "stderr" ? "pipe" : "inherit",
      env: { PATH: "/usr/bin:/bin", HOME: cwd ?? "/", ...env },
      ...(cwd !== undefined && { cwd }),
    });
    running.add(this);
    void this.#child.exited.then(() => running.delete(this));
    const stream = speaksOn === "stdout" ? this.#child.stdout : this.#child.stderr;
    this.#lines = linesOf(stream as ReadableStream<Uint8Array>);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** @throws Error when the process ends instead */
  async line(): Promise<string> {
    const { done, value } = await this.#lines.next();
    if (!done) return value;
    throw new Error(`${this.#name} ended with ${await this.#child.exited}`);
  }

  write(text: string): void {
    void this.#child.stdin.write(text);
    void this.#child.stdin.flush();
  }

  /** Reads on and throws away, so that the pipe never fills. */
  drain(): void {
    void (async () => {
      for await (const _ of this.#lines);
    })();
  }

  /** Resident memory in bytes. */
  rss(): number {
    const kb = /^Rss: +(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/smaps_rollup`, "utf8"))?.[1];
    return Number(kb) * 1024;
  }

  /** Milliseconds of CPU so far, its own and the kernel's on its behalf. */
  cpuMs(): number {
    const stat = readFileSync(`/proc/${this.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    // utime and stime, in ticks of 10 ms (proc(5), fields 14 and 15).
    return (Number(fields[11]) + Number(fields[12])) * 10;
  }

  end(signal = this.#endsBy): void {
    this.#child.kill(signal);
  }

  async stop(signal = this.#endsBy): Promise<void> {
    this.end(signal);
    await this.#child.exited;
  }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines;
  }
}

/** A contender of our own that takes commands, see `contenders/commands.ts`. */
export class Worker extends Spawn {
  static async start(file: string, ...args: readonly (string | number)[]): Promise<Worker> {
    const path = `${import.meta.dir}/contenders/${file}`;
    const program = file.endsWith(".py") ? "/usr/bin/python3" : process.execPath;
    const worker = new Worker({ command: [program, path, ...args.map(String)], speaksOn: "stdout" });
    worker.ready = JSON.parse(await worker.line()) as Worker["ready"];
    return worker;
  }

  ready: { readonly port: number; readonly telemetryPort: number; readonly frameBytes: number } = {
    port: 0,
    telemetryPort: 0,
    frameBytes: 0,
  };

  async ask<Answer>(command: object): Promise<Answer> {
    this.write(`${JSON.stringify(command)}\n`);
    return JSON.parse(await this.line()) as Answer;
  }
}
