import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";

/** Whether somebody has asked us to end. */
export interface Stop {
  readonly asked: boolean;
  readonly whenAsked: Promise<void>;
}

/**
 * From now on Ctrl-C asks for an end instead of making one; the second one does not ask. Once in a command: whoever has
 * it says a word before the end about what goes on without us.
 */
export function listenForStop({ process }: Pick<Runtime, "process">): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.onSignal(signal, () => {
      if (asked) void process.exit(exitCodes.failed);
      // The terminal has shown ^C, perhaps in the middle of a line of progress: what comes now has a line of its own.
      if (process.stderrIsTerminal) process.stderr("\n");
      asked = true;
      resolve();
    });
  }
  return {
    get asked() {
      return asked;
    },
    whenAsked: promise,
  };
}

/** What the work comes to; undefined when somebody asks for the end before. The work itself goes on, unheard. */
export function unlessStopped<T>(work: Promise<T>, { whenAsked }: Stop): Promise<T | undefined> {
  return Promise.race([work, whenAsked.then(() => undefined)]);
}

/** Waits, but not past the moment that somebody asks for the end. */
export async function pause(ms: number, { whenAsked }: Stop): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([whenAsked, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
