import { exitCodes } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";

/** Whether somebody has asked us to end. */
export interface Stop {
  readonly asked: boolean;
  readonly whenAsked: Promise<void>;
}

/** From now on Ctrl-C asks for an end instead of making one; the second one does not ask. */
export function listenForStop({ process }: Pick<Runtime, "process">): Stop {
  const { promise, resolve } = Promise.withResolvers<void>();
  let asked = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.onSignal(signal, () => {
      if (asked) void process.exit(exitCodes.failed);
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

/** Waits, but not past the moment that somebody asks for the end. */
export async function pause(ms: number, { whenAsked }: Stop): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  await Promise.race([whenAsked, new Promise((resolve) => (timer = setTimeout(resolve, ms)))]);
  clearTimeout(timer);
}
