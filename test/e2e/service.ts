import { expect } from "bun:test";
import type { Ran } from "./child.ts";
import { jsonLines } from "./launcher.ts";
import type { Machine } from "./machine.ts";
import { eventually } from "./watch.ts";

/** The printed unit in a machine's systemd, for one user of it. */
export interface Service {
  /** `systemctl`'s words for whose units are meant. */
  readonly scope: readonly string[];
  run(...command: readonly string[]): Promise<Ran>;
  ok(...command: readonly string[]): Promise<string>;
  systemctl(...words: readonly string[]): Promise<Ran>;
  property(name: string): Promise<string>;
  /** Resolves when a line of its log, as the journal has it, is the one meant. */
  logged(is: (line: Readonly<Record<string, unknown>>) => boolean): Promise<void>;
  /** Resolves when it runs again after this signal, with another process; `result` is systemd's word for how it ended. */
  dies(signal: "SIGSTOP" | "SIGKILL", result: string): Promise<void>;
}

export function serviceIn(machine: Machine, as: Machine["run"], scope: readonly string[]): Service {
  const systemctl = (...words: readonly string[]): Promise<Ran> => as("systemctl", ...scope, ...words);
  const property = async (name: string): Promise<string> =>
    (await systemctl("show", "--value", `--property=${name}`, "roxy-core")).stdout.trim();
  const journal = (): Promise<string> => machine.ok("journalctl", "--output=cat", "--no-pager");
  return {
    scope,
    run: as,
    async ok(...command) {
      const { code, stdout, stderr } = await as(...command);
      if (code === 0) return stdout;
      throw new Error(`${command.join(" ")} ended with ${code}: ${stdout}${stderr}\n${await journal()}`);
    },
    systemctl,
    property,
    async logged(is) {
      await eventually(async () => jsonLines(await journal()).some(is) || undefined, "a line in the journal");
    },
    async dies(signal, result) {
      const [before, restarts] = [await property("MainPID"), Number(await property("NRestarts"))];
      await systemctl("kill", "--kill-whom=main", `--signal=${signal}`, "roxy-core");
      await eventually(async () => Number(await property("NRestarts")) > restarts || undefined, "a restart");
      const isBack = async (): Promise<true | undefined> => (await property("ActiveState")) === "active" || undefined;
      await eventually(isBack, "it to be ready again");
      expect(await property("MainPID")).not.toBe(before);
      expect(await journal()).toContain(`roxy-core.service: Failed with result '${result}'`);
    },
  };
}
