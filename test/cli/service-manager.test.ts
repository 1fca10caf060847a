import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { serviceManager, watchdogMs } from "../../src/cli/service-manager.ts";
import { silentLog } from "../../src/lib/log.ts";
import type { ChildOptions } from "../../src/runtime/types.ts";

let told: (readonly string[])[] = [];
beforeEach(() => {
  told = [];
  jest.useFakeTimers();
});
afterEach(() => jest.useRealTimers());

function managerWith(env: Record<string, string>, isWell: () => boolean = () => true) {
  const spawn = ({ command }: ChildOptions) => {
    told.push(command);
    const ended = Promise.resolve({ code: 0 });
    return { pid: 2, exited: ended, ended, kill() {} };
  };
  return serviceManager({ process: { env, pid: 41, spawn }, log: silentLog, isWell });
}

test("without a service manager nothing is started", async () => {
  const manager = managerWith({ WATCHDOG_USEC: "1000000" });
  await manager.ready("x");
  await manager.stopping();
  expect(told).toEqual([]);
});

test("ready, alive twice in the watchdog's time, stopping", async () => {
  const manager = managerWith({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "60000000", WATCHDOG_PID: "41" });
  await manager.ready("listening");
  expect(told.splice(0)).toEqual([
    ["systemd-notify", "READY=1", "STATUS=listening", "MAINPID=41"],
    ["systemd-notify", "WATCHDOG=1"],
  ]);
  jest.advanceTimersByTime(60_000);
  expect(told.splice(0)).toEqual([
    ["systemd-notify", "WATCHDOG=1"],
    ["systemd-notify", "WATCHDOG=1"],
  ]);
  await manager.stopping();
  jest.advanceTimersByTime(120_000);
  expect(told).toEqual([["systemd-notify", "STOPPING=1"]]);
});

test("a gateway that can't record gives no sign of life", async () => {
  const manager = managerWith({ NOTIFY_SOCKET: "/run/n", WATCHDOG_USEC: "2000000" }, () => false);
  await manager.ready("listening");
  jest.advanceTimersByTime(10_000);
  expect(told).toHaveLength(1);
  await manager.stopping();
});

test("the watchdog that means another process is not ours", () => {
  expect(watchdogMs({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "40" }, 41)).toBeUndefined();
  expect(watchdogMs({ WATCHDOG_USEC: "3000000", WATCHDOG_PID: "41" }, 41)).toBe(1500);
  expect(watchdogMs({ WATCHDOG_USEC: "nonsense" }, 41)).toBeUndefined();
  expect(watchdogMs({}, 41)).toBeUndefined();
});
