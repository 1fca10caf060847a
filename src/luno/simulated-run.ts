import type { Ending, Execution, RunListener } from "./execution.ts";

const steps = ["reading the story", "planning", "doing the work", "checking the result"] as const;

/** The run of a story without a command: nothing happens, in four steps that look like work. @param runMs for all */
export function simulateRun(runMs: number, listener: RunListener): Execution {
  const { promise, resolve } = Promise.withResolvers<Ending>();
  let timer: ReturnType<typeof setTimeout>;
  const step = (done: number): void => {
    const next = steps[done];
    listener.progress(Math.round((100 * done) / steps.length));
    if (next === undefined) return resolve({ status: "done", message: "Simulated run: nothing was executed" });
    listener.line(`Simulated step ${done + 1} of ${steps.length}: ${next}`, "stdout");
    timer = setTimeout(() => step(done + 1), runMs / steps.length);
  };
  step(0);
  return {
    ended: promise,
    stop: () => {
      clearTimeout(timer);
      resolve({ status: "failed", message: "Stopped" });
    },
  };
}
