import { spawn } from "node:child_process";
import type { Ended } from "../e2e/child.ts";
import { Watch } from "../e2e/watch.ts";

/** A program in a real pseudo-terminal (`script` of util-linux makes it), with a person at the keys. */
export interface Terminal {
  readonly ended: Promise<Ended>;
  /** All that the screen got, escape sequences included, with LF for CR LF. */
  screen(): string;
  /** Resolves with the screen when it holds this. @throws when the program ends without it */
  shows(text: string | RegExp): Promise<string>;
  type(keys: string): void;
}

export const ctrlC = "\u0003";

/** What a failed test has left open; SIGTERM makes `script` end its program, too. */
const open = new Set<() => void>();

/** For `afterEach` of each file: a hook that stands here would be the first file's alone. */
export function closeTerminals(): void {
  for (const close of open) close();
}

export function openTerminal(command: readonly string[], env: Readonly<Record<string, string>>): Terminal {
  const line = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
  const child = spawn("script", ["-qec", `exec ${line}`, "/dev/null"], {
    cwd: env["HOME"],
    env: { TERM: "xterm-256color", SHELL: "/bin/sh", ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const watch = new Watch();
  const kill = (): void => void child.kill("SIGTERM");
  open.add(kill);
  let said = "";
  let over = false;
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
    watch.changed();
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code, signal) => {
      over = true;
      open.delete(kill);
      watch.changed();
      resolve({ code, signal });
    });
  });
  const screen = (): string => said.replaceAll("\r\n", "\n");
  const holds = (text: string | RegExp): boolean =>
    typeof text === "string" ? screen().includes(text) : text.test(screen());
  return {
    ended,
    screen,
    async shows(text) {
      const look = (): "shown" | "over" | undefined => (holds(text) ? "shown" : over ? "over" : undefined);
      const seen = await watch.until(look, `${String(text)} on the screen`, screen);
      if (seen === "over") throw new Error(`The program ended without ${String(text)}:\n${screen()}`);
      return screen();
    },
    type: (keys) => void child.stdin.write(keys),
  };
}

/** Runs a program in a terminal to its end. */
export async function runInTerminal(
  command: readonly string[],
  env: Readonly<Record<string, string>>,
): Promise<{ code: number | null; screen: string }> {
  const terminal = openTerminal(command, env);
  const { code } = await terminal.ended;
  return { code, screen: terminal.screen() };
}
