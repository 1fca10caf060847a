import type { Runtime } from "../runtime/types.ts";

/** SGR parameters (ECMA-48, section 8.3.117). Eight basic colours: they follow the terminal's own theme. */
const styles = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;
export type Style = keyof typeof styles;

/** Standard output as its reader sees it. */
export interface Screen {
  readonly isTerminal: boolean;
  /** How wide the terminal is; undefined in a pipe, and where it does not say. */
  readonly columns?: number | undefined;
  /** Colours only where a terminal shows them and nobody has said no. The text must be printable already. */
  paint(style: Style, text: string): string;
}

/**
 * https://no-color.org: NO_COLOR counts when it is set and not empty.
 * @param noColor `--no-color` was given
 */
export function screenOf({ process }: Pick<Runtime, "process">, noColor: boolean): Screen {
  const { env, stdoutIsTerminal: isTerminal } = process;
  const colours = isTerminal && !noColor && !env["NO_COLOR"] && env["TERM"] !== "dumb";
  return {
    isTerminal,
    columns: process.terminalSize()?.columns,
    paint: (style, text) => (colours && text !== "" ? `\u001b[${styles[style]}m${text}\u001b[0m` : text),
  };
}

/** The colour of a status word, ours or Podium's. */
export function styleOfStatus(status: string): Style | undefined {
  if (/^(done|up|ok|connected|open|completed|running|answered)$/i.test(status)) return "green";
  if (/^(failed|rejected|down|problem|disconnected|error)$/i.test(status)) return "red";
  if (/^(cancelled|blocked|unknown|degraded|warning|halted|pending)$/i.test(status)) return "yellow";
  return /^(queued|in_progress|busy|started)$/i.test(status) ? "cyan" : undefined;
}
