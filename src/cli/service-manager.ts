import { messageOf } from "../lib/errors.ts";
import type { Log } from "../lib/log.ts";
import type { Process } from "../runtime/types.ts";

/** What systemd is told (sd_notify(3)). Without a service manager every call does nothing. */
export interface ServiceManager {
  /** Everything is open: whoever was ordered after us may start. Begins the watchdog's signs of life. */
  ready(status: string): Promise<void>;
  status(text: string): Promise<void>;
  stopping(): Promise<void>;
}

export interface ServiceManagerOptions {
  readonly process: Pick<Process, "env" | "pid" | "spawn">;
  readonly log: Log;
  /** Signs of life are given only while this holds: a gateway that can't record is to be restarted. */
  readonly isWell: () => boolean;
}

/**
 * Goes through `systemd-notify`: neither runtime has the unix datagram sockets that the protocol wants. Its messages come
 * from a child, so the unit says `NotifyAccess=all`.
 */
export function serviceManager({ process, log, isWell }: ServiceManagerOptions): ServiceManager {
  const { env, pid } = process;
  if (!env["NOTIFY_SOCKET"]) return { ready: nothing, status: nothing, stopping: nothing };
  const tell = async (...words: string[]): Promise<void> => {
    const { ended } = process.spawn({ command: ["systemd-notify", ...words] });
    const end = await ended;
    if ("code" in end && end.code === 0) return;
    log.warn("service_manager", { message: `systemd-notify ${words[0]}: ${JSON.stringify(end)}` });
  };
  let watchdog: ReturnType<typeof setInterval> | undefined;
  return {
    async ready(status) {
      await tell("READY=1", `STATUS=${status}`, `MAINPID=${pid}`);
      const everyMs = watchdogMs(env, pid);
      if (everyMs === undefined) return;
      const live = (): void => {
        if (isWell()) tell("WATCHDOG=1").catch((error: unknown) => log.warn("watchdog", { message: messageOf(error) }));
      };
      watchdog ??= setInterval(live, everyMs);
      live();
    },
    status: (text) => tell(`STATUS=${text}`),
    async stopping() {
      clearInterval(watchdog);
      await tell("STOPPING=1");
    },
  };
}

function nothing(): Promise<void> {
  return Promise.resolve();
}

/** Half of what the watchdog allows (sd_watchdog_enabled(3)); undefined when it does not mean us. */
export function watchdogMs(env: Process["env"], pid: number): number | undefined {
  const microseconds = Number(env["WATCHDOG_USEC"] ?? Number.NaN);
  if (!(microseconds >= 1000)) return undefined;
  const meant = env["WATCHDOG_PID"];
  if (meant !== undefined && meant !== "" && meant !== String(pid)) return undefined;
  return Math.floor(microseconds / 2000);
}
