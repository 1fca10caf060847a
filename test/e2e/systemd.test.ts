import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Ran } from "./child.ts";
import { binaryLauncher } from "./launcher.ts";
import type { Machine } from "./machine.ts";
import { bootMachine, noMachine } from "./machine.ts";
import type { Service } from "./service.ts";
import { serviceIn } from "./service.ts";
import { eventually } from "./watch.ts";

/**
 * The printed units in a real systemd, as the README tells a user to put them in place. Podium's stand-in is on a port
 * that only the environment file names, and takes only what is signed with the secret.
 */

const program = "/opt/roxy-core";
const secret = "a-secret-of-at-least-thirty-two-bytes";
const podiumPort = 3900;
const environmentFile = `ROXY_PODIUM_BASE_URL=http://127.0.0.1:${podiumPort}\nROXY_PODIUM_WS=ws://127.0.0.1:${podiumPort}/ws\n`;
const podiumUnit = `[Service]
Environment=PODIUM_JWT_SECRET=${secret} ROXY_ROOT=/var/lib/podium
ExecStart=${program} luno --port ${podiumPort} --run-ms 50 --beat-ms 50
`;

if (binaryLauncher.missing !== undefined && process.env["CI"] === "true") throw new Error(binaryLauncher.missing);
const why = binaryLauncher.missing ?? noMachine();
if (why !== undefined) {
  process.stderr.write(`SKIPPED: the units in a running systemd (systemd-analyze judges them): ${why}\n`);
}

describe.skipIf(why !== undefined)(`the units in a systemd${why === undefined ? "" : ` (SKIPPED: ${why})`}`, () => {
  let machine: Machine;
  beforeAll(async () => {
    machine = await bootMachine(binaryLauncher.command[0]!);
    await machine.write("/etc/systemd/system/podium.service", podiumUnit);
    await machine.ok("systemctl", "start", "podium");
  });
  afterAll(() => machine?.end());

  test("the system unit: ready, reloaded, watched, restarted and stopped", async () => {
    const config = "/etc/roxy-core/roxy-core.jsonc";
    await machine.write(config, limitOf(10));
    await machine.write("/etc/roxy-core/podium_jwt_secret", secret, "600");
    await machine.write("/etc/roxy-core/roxy.env", environmentFile, "600");
    const words = ["--exec", program, "--config", config, "--jwt-secret", "/etc/roxy-core/podium_jwt_secret"];
    await machine.ok(program, "unit", "--system", "--install", ...words);
    // The same unit, faster: these are a minute and two seconds.
    const fast = "[Service]\nWatchdogSec=1\nRestartSec=100ms\n";
    await machine.write("/etc/systemd/system/roxy-core.service.d/fast.conf", fast);
    const service = serviceIn(machine, machine.run, []);
    await service.ok("systemctl", "daemon-reload");

    await startsOnlyWithItsPort(machine, service);
    await dispatches(service, "STORY-001");
    await keepsItsSecret(machine, service);

    await machine.write(config, limitOf(1));
    await service.ok("systemctl", "reload", "roxy-core");
    await service.logged(({ event, changed }) => event === "reload" && changed === "limits.dispatch_per_minute");
    expect((await service.run(program, "dispatch", "enqueue_story", "STORY-002")).stderr).toContain("rate_limited");

    await givesSignsOfLife(service);
    await service.dies("SIGSTOP", "watchdog");
    await service.dies("SIGKILL", "signal");
    expect(await service.ok(program, "jobs")).toContain("STORY-001");
    await stops(service);
    await machine.ok("env", "ROXY_ROOT=/var/lib/roxy-core", program, "audit", "verify");
    const loose = await machine.ok("find", "/var/lib/private/roxy-core", "-perm", "/077");
    expect(loose).toBe("");
  });

  test("the user unit: ready, reloaded, restarted and stopped", async () => {
    const home = "/home/mark";
    const manager = ["User=mark", "Type=notify", "Delegate=yes", "RuntimeDirectory=user/1000"];
    const at = "Environment=XDG_RUNTIME_DIR=/run/user/1000";
    const unit = ["[Service]", ...manager, at, "ExecStart=/lib/systemd/systemd --user", ""].join("\n");
    await machine.write("/etc/systemd/system/manager-of-mark.service", unit);
    await machine.ok("systemctl", "start", "manager-of-mark");
    await machine.write(`${home}/secret`, secret, "600");
    await machine.write(`${home}/.roxy/etc/roxy.env`, environmentFile, "600");
    await machine.ok("chown", "-R", "mark:mark", home);
    const user = ["setpriv", "--reuid", "mark", "--regid", "mark", "--clear-groups", "env", `HOME=${home}`];
    const asMark = (...command: readonly string[]): Promise<Ran> =>
      machine.run(...user, "XDG_RUNTIME_DIR=/run/user/1000", ...command);
    const service = serviceIn(machine, asMark, ["--user"]);
    await service.ok(program, "unit", "--user", "--install", "--jwt-secret", `${home}/secret`);
    await service.ok("systemctl", "--user", "daemon-reload");

    await startsOnlyWithItsPort(machine, service);
    await dispatches(service, "STORY-002");
    await machine.write(`${home}/.roxy/roxy-core.jsonc`, limitOf(9));
    await service.ok("systemctl", "--user", "reload", "roxy-core");
    await service.logged(({ event, changed }) => event === "reload" && changed === "limits.dispatch_per_minute");
    await service.dies("SIGKILL", "signal");
    await stops(service);
    await service.ok(program, "audit", "verify");
  });
});

const limitOf = (perMinute: number): string => `{ "limits": { "dispatch_per_minute": ${perMinute} } }`;

/** Whoever is ordered after it may use it, and whoever can't get in is told that it failed. */
async function startsOnlyWithItsPort(machine: Machine, service: Service): Promise<void> {
  const squatter = `[Service]\nEnvironment=ROXY_ROOT=/var/lib/squatter\nExecStart=${program} luno --port 8000\n`;
  await machine.write("/run/systemd/system/squatter.service", squatter);
  await machine.ok("systemctl", "daemon-reload");
  await machine.ok("systemctl", "start", "squatter");
  const isTaken = async (): Promise<true | undefined> =>
    (await machine.run("sh", "-c", "grep -q ':1F40 .* 0A ' /proc/net/tcp")).code === 0 || undefined;
  await eventually(isTaken, "the port to be taken");
  expect((await service.systemctl("start", "roxy-core")).code).not.toBe(0);
  await service.systemctl("stop", "roxy-core");
  await machine.ok("systemctl", "stop", "squatter");
  await service.systemctl("reset-failed", "roxy-core");
  // Not a moment later than systemctl says so.
  await service.ok("sh", "-c", `systemctl "$@" start roxy-core && ${program} status`, "sh", ...service.scope);
  expect(await service.property("StatusText")).toBe(
    `Listening on http://127.0.0.1:8000, forwarding to http://127.0.0.1:${podiumPort}`,
  );
}

async function dispatches(service: Service, story: string): Promise<void> {
  await service.ok(program, "dispatch", "enqueue_story", story, "--watch");
}

/** It signs with the secret, or Podium would not take it; and no other user can read it off the process. */
async function keepsItsSecret(machine: Machine, service: Service): Promise<void> {
  const pid = await service.property("MainPID");
  const told = await machine.ok("cat", `/proc/${pid}/environ`, `/proc/${pid}/cmdline`);
  expect(told).toContain("CREDENTIALS_DIRECTORY=");
  expect(told).not.toContain(secret);
  expect(await machine.ok("journalctl", "--output=cat", "--no-pager")).not.toContain(secret);
  expect((await machine.ok("stat", "--format=%u", `/proc/${pid}`)).trim()).not.toBe("0");
}

async function givesSignsOfLife(service: Service): Promise<void> {
  const heard = new Set<string>();
  await eventually(async () => {
    heard.add(await service.property("WatchdogTimestampMonotonic"));
    return heard.size >= 4 || undefined;
  }, "three signs of life");
  expect(await service.property("NRestarts")).toBe("0");
}

/** Result: not timed out, not killed. */
async function stops(service: Service): Promise<void> {
  expect((await service.systemctl("stop", "roxy-core")).code).toBe(0);
  const facts = ["ActiveState", "Result", "ExecMainStatus"].map((name) => service.property(name));
  expect(await Promise.all(facts)).toEqual(["inactive", "success", "0"]);
}
