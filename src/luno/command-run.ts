import type { Clock } from "../lib/clock.ts";
import type { ChildEnd, ChildOptions, Process } from "../runtime/types.ts";
import type { Ending, Execution, RunListener } from "./execution.ts";
import { OutputGate } from "./output-gate.ts";

/** An agent's story takes minutes; after an hour it is stuck and holds an agent that others wait for. */
const commandRunMsMax = 3_600_000;
/** Between SIGTERM and SIGKILL: time to put a file away. Podium's own commands may take as long to answer. */
const killGraceMs = 2000;
/**
 * After the command's own end, or SIGKILL: the last lines come at once. What it has started may hold its output open for
 * good, in the background or out of its group, and is not waited for, nor listened to.
 */
const lastLinesMs = 1000;
const leftover = "something it started still holds its output open";

export interface CommandRunOptions {
  readonly process: Process;
  readonly command: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly listener: RunListener;
  readonly clock: Pick<Clock, "monotonic">;
  readonly runMsMax?: number;
  readonly graceMs?: number;
  readonly settleMs?: number;
}

/** Runs a story's command as the head of a process group. Exit code 0 is `done`, everything else `failed`. */
export function runCommand(options: CommandRunOptions): Execution {
  const { command, cwd, env, runMsMax = commandRunMsMax, graceMs = killGraceMs, settleMs = lastLinesMs } = options;
  const gate = new OutputGate((line, stream) => options.listener.line(line, stream), options.clock);
  let isOver = false;
  // Read on to the end: a full pipe, or a broken one, would be the end of what is left running.
  const onLine: ChildOptions["onLine"] = (line, stream) => void (isOver || gate.pass(line, stream));
  const child = options.process.spawn({ command, cwd, env, group: true, onLine });
  const { promise: givenUp, resolve: giveUp } = Promise.withResolvers<Ending>();
  const timers: ReturnType<typeof setTimeout>[] = [];
  const later = (ms: number, what: () => void): void => void timers.push(setTimeout(what, ms));
  let timedOut = false;
  let stopping = false;
  const stop = (): void => {
    if (stopping) return;
    stopping = true;
    child.kill("SIGTERM");
    later(graceMs, () => child.kill("SIGKILL"));
    later(graceMs + settleMs, () => giveUp({ ...failed("Killed"), leftover }));
  };
  void child.exited.then((end) => {
    if (!isOver) later(settleMs, () => void (stopping || giveUp({ ...endingOf(end), leftover })));
  });
  later(runMsMax, () => {
    timedOut = true;
    stop();
  });
  const ended = Promise.race([child.ended.then(endingOf), givenUp]).then((ending) => {
    isOver = true;
    for (const timer of timers) clearTimeout(timer);
    gate.tellLeftOut();
    return timedOut
      ? { ...ending, ...failed(`Stopped after ${runMsMax / 1000} s, the longest a story may run`) }
      : ending;
  });
  return { ended, stop };
}

function endingOf(end: ChildEnd): Ending {
  if ("error" in end) return failed(`Cannot start the command: ${end.error}`);
  if ("signal" in end) return failed(`The command was ended by ${end.signal}`);
  return end.code === 0 ? { status: "done", message: "Exit code 0" } : failed(`Exit code ${end.code}`);
}

function failed(message: string): Ending {
  return { status: "failed", message };
}
