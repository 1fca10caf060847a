import { spawn } from "node:child_process";
import os from "node:os";
import { descriptorsMax } from "./descriptors.ts";
import type { Child, ChildEnd, ChildOptions, Process, TerminalSize } from "./types.ts";

/** Longest line taken from a child: what comes past it is cut, so that a child can't fill our memory with one line. */
const lineLengthMax = 65_536;
/** Of standard error, beyond what a pipe holds, that wait for their reader: some thousands of log lines. */
const stderrWaitingMax = 1_048_576;
/** Milliseconds that readers of our output may take for its end once we are told to end: whoever reads at all is quicker. */
const lastWordsMs = 1_000;

export function nodeProcess(args: readonly string[], self: readonly string[]): Process {
  // A reader of our output that goes away (a closed pager, a restarted journal) must not end the gateway.
  for (const stream of [process.stdout, process.stderr]) stream.on("error", () => {});
  const output = standardOutput();
  const toldToEnd = Promise.withResolvers<void>();
  let exitCode = 0;
  return {
    pid: process.pid,
    args,
    env: process.env,
    home: process.env["HOME"] || homeOfUser(),
    cwd: process.cwd(),
    stdoutIsTerminal: process.stdout.isTTY === true,
    stderrIsTerminal: process.stderr.isTTY === true,
    self,
    stdout: output.stdout,
    stdoutTaken: output.stdoutTaken,
    stderr: standardError(),
    terminalSize,
    onTerminalResize: (handler) => void process.on("SIGWINCH", handler),
    exit: async (code) => {
      // What fails on its last way out is told by the handlers below, who ask for another code meanwhile.
      exitCode ||= code;
      await Promise.race([allFlushed(output), toldToEnd.promise.then(() => elapsed(lastWordsMs))]);
      process.exit(exitCode);
    },
    descriptorsMax,
    onSignal(signal, handler) {
      process.on(signal, handler);
      if (signal !== "SIGHUP") process.on(signal, () => toldToEnd.resolve());
    },
    onOutputClosed: (handler) => void process.stdout.on("error", (error) => handler(faultOf(error))),
    onInputEnd(handler) {
      process.stdin.on("end", handler);
      process.stdin.on("error", handler);
      process.stdin.resume();
    },
    spawn: spawnChild,
  };
}

/** A service's own user (systemd's DynamicUser, a container's number) may stand in no list of users: it has none. */
function homeOfUser(): string {
  try {
    return os.homedir() || "/";
  } catch {
    return "/";
  }
}

/** A reader that has gone away is no fault: it has what it wanted. */
function faultOf(error: NodeJS.ErrnoException): string | undefined {
  return error.code === "EPIPE" || error.code === "ECONNRESET" ? undefined : error.message;
}

/** Asked of the terminal each time: what the stream remembers is of its beginning. */
function terminalSize(): TerminalSize | undefined {
  if (!process.stdout.isTTY) return undefined;
  const [columns, rows] = process.stdout.getWindowSize();
  return columns > 0 && rows > 0 ? { columns, rows } : undefined;
}

/** With the back-pressure that a pipe has: what its reader has not taken must not gather here. */
function standardOutput(): Pick<Process, "stdout" | "stdoutTaken"> & { isGone(): boolean } {
  const { stdout } = process;
  let taken = Promise.withResolvers<void>();
  taken.resolve();
  let isFull = false;
  let isGone = false;
  const release = (): void => {
    isFull = false;
    taken.resolve();
  };
  stdout.on("drain", release);
  // Nobody reads any more: there is nothing to wait for.
  stdout.on("error", () => {
    isGone = true;
    release();
  });
  const written = (text: string): boolean => {
    try {
      return stdout.write(text);
    } catch (error) {
      // Deno throws what Bun tells by the event.
      stdout.emit("error", error);
      return true;
    }
  };
  return {
    stdout(text) {
      if (isGone || written(text) || isFull) return;
      isFull = true;
      taken = Promise.withResolvers();
    },
    stdoutTaken: () => taken.promise,
    isGone: () => isGone,
  };
}

/** Without back-pressure, for what logs waits for nobody; so what its reader has not taken is bounded here. */
function standardError(): Process["stderr"] {
  const { stderr } = process;
  let waiting = 0;
  stderr.on("drain", () => (waiting = 0));
  return (text) => {
    if (waiting > stderrWaitingMax) return false;
    if (!stderr.write(text)) waiting += text.length;
    return true;
  };
}

/** Standard error has nobody to wait for once standard output has gone out: what a pipe holds is in it by then. */
async function allFlushed(output: { isGone(): boolean }): Promise<void> {
  // Awaited in any case: whoever else hears that the output has gone may still have something to say of it.
  await (output.isGone() ? undefined : flushed(process.stdout));
  await Promise.race([flushed(process.stderr), elapsed(lastWordsMs)]);
}

function elapsed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Ended, not only written to: Bun calls back for an empty write while earlier text is still on its way to a pipe. */
function flushed(stream: NodeJS.WriteStream): Promise<void> {
  return new Promise((resolve) => {
    stream.on("error", () => resolve());
    stream.end(() => resolve());
  });
}

function spawnChild(options: ChildOptions): Child {
  const [program, ...args] = options.command;
  const child = spawn(program ?? "", args, {
    cwd: options.cwd,
    env: options.env,
    stdio: [
      options.lifeline ? "pipe" : "ignore",
      options.inherit ? "inherit" : "pipe",
      options.inherit ? "inherit" : "pipe",
    ],
    // A group of its own, so that a story's whole process tree ends with it.
    detached: options.group === true,
  });
  if (child.stdout) eachLine(child.stdout, (line) => options.onLine?.(line, "stdout"));
  if (child.stderr) eachLine(child.stderr, (line) => options.onLine?.(line, "stderr"));
  const endAt = (event: "exit" | "close"): Promise<ChildEnd> =>
    new Promise((resolve) => {
      child.on("error", (error) => resolve({ error: error.message }));
      child.on(event, (code, signal) => resolve(signal ? { signal } : { code: code ?? 1 }));
    });
  return {
    pid: child.pid ?? -1,
    exited: endAt("exit"),
    ended: endAt("close"),
    kill: (signal) => killChild(child.pid, options.group === true, signal),
  };
}

function killChild(pid: number | undefined, group: boolean, signal: "SIGTERM" | "SIGKILL"): void {
  if (pid === undefined) return;
  try {
    process.kill(group ? -pid : pid, signal);
  } catch {
    // Already gone: that is what the caller wanted.
  }
}

/** Lines without their newline. What comes past the bound is passed over until the line ends. */
function eachLine(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = "";
  stream.setEncoding("utf8");
  stream.on("data", (chunk: string) => {
    const lines = (rest + chunk).split("\n");
    rest = (lines.pop() ?? "").slice(0, lineLengthMax);
    for (const line of lines) onLine(line.slice(0, lineLengthMax).replace(/\r$/, ""));
  });
  stream.on("end", () => {
    if (rest !== "") onLine(rest);
  });
}
