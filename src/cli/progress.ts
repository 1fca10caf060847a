import type { Runtime } from "../runtime/types.ts";
import { programName } from "./options.ts";

/** What is quicker than this needs no word; and then each second a sign of life. */
const quietMs = 700;
const tickMs = 1000;

/** Whether a line of standard error can be taken back: on a terminal that knows how. */
function takesBack({ process }: Pick<Runtime, "process">): boolean {
  return process.stderrIsTerminal && (process.env["TERM"] ?? "dumb") !== "dumb";
}

/** A line of its own on standard error; on a terminal in the place of the progress, which then goes on below it. */
export function tellOn(runtime: Pick<Runtime, "process">): (line: string) => void {
  return (line) => runtime.process.stderr(`${takesBack(runtime) ? "\r\u001b[K" : ""}${programName}: ${line}\n`);
}

/** Waits, and on a terminal tells what for, on a line of standard error that vanishes afterwards. */
export async function withProgress<T>(runtime: Pick<Runtime, "process">, what: string, work: Promise<T>): Promise<T> {
  const { stderr } = runtime.process;
  if (!takesBack(runtime)) return work;
  const startedAt = performance.now();
  let shown = false;
  const show = (): void => {
    shown = true;
    stderr(`\r${what} … ${Math.round((performance.now() - startedAt) / 1000)} s\u001b[K`);
  };
  let ticks: ReturnType<typeof setInterval> | undefined;
  const first = setTimeout(() => {
    show();
    ticks = setInterval(show, tickMs);
  }, quietMs);
  try {
    return await work;
  } finally {
    clearTimeout(first);
    clearInterval(ticks);
    if (shown) stderr("\r\u001b[K");
  }
}
