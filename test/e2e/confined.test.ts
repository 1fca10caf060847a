import { afterAll, describe, expect, test } from "bun:test";
import { chownSync, copyFileSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { run, startChild } from "./child.ts";
import { call } from "./http-client.ts";
import { binaryLauncher, environment, runCommand, startGateway } from "./launcher.ts";
import { PodiumStub } from "./podium-stub.ts";
import { dispatchCall, enqueueBody } from "./scene.ts";

/** As the system unit runs it: a user without any privilege, and nothing to write but the state folder. */

const nobody = 65534;
const folder = mkdtempSync(path.join(tmpdir(), "roxy-confined-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const state = path.join(folder, "state");

/** $1 is the folder that stays writable (or nothing), $2 the program; the rest are its arguments. */
const confine = `set -e
mount --make-rprivate /
if [ -n "$1" ]; then mount --bind "$1" "$1"; fi
while read -r _ at _; do
  case "$at" in /proc|/proc/*|/sys|/sys/*|/dev|/dev/*|"$1") continue ;; esac
  mount -o remount,bind,ro "$at" 2>/dev/null || mount -o remount,ro "$at"
done < /proc/self/mounts
program=$2
shift 2
exec setpriv --reuid ${nobody} --regid ${nobody} --clear-groups --no-new-privs --bounding-set=-all --inh-caps=-all "$program" "$@"`;

const program = path.join(folder, "roxy-core");
const confined = (writable: string) => ({
  name: "confined",
  command: ["unshare", "--mount", "sh", "-c", confine, "sh", writable, program],
  missing: undefined,
});

/** What is not the machine's to refuse fails where everything must be there; a refusal of the machine is only told. */
function obstacle(): string | undefined {
  const tool = ["unshare", "setpriv", "mount"].find((name) => Bun.which(name) === null);
  const missing = binaryLauncher.missing ?? (tool === undefined ? undefined : `${tool} is not installed`);
  if (missing !== undefined && process.env["CI"] === "true") throw new Error(missing);
  if (missing !== undefined) return missing;
  if (process.getuid?.() !== 0) return "only root may make such a place";
  const probe = Bun.spawnSync(["unshare", "--mount", "mount", "--make-rprivate", "/"]);
  return probe.exitCode === 0 ? undefined : `this machine does not let us: ${probe.stderr.toString().trim()}`;
}

const why = obstacle();
if (why !== undefined) {
  process.stderr.write(`SKIPPED: the binary as an unprivileged user on a read-only file system: ${why}\n`);
}

describe.skipIf(why !== undefined)(`the binary, confined${why === undefined ? "" : ` (SKIPPED: ${why})`}`, () => {
  const env = environment(state);

  test("dispatches, records and ends well with nothing to write but its state folder", async () => {
    copyFileSync(binaryLauncher.command[0]!, program);
    await run(["chmod", "755", folder, program], { env });
    mkdirSync(state, { mode: 0o700 });
    chownSync(state, nobody, nobody);
    // The place is what it is said to be.
    const writes = [
      "sh",
      "-c",
      `id -u; touch ${state}/probe && echo state; touch ${folder}/probe || touch /tmp/probe || echo none`,
    ];
    const [unshare = "", ...rest] = confined(state).command.slice(0, -1);
    const probe = await run([unshare, ...rest, ...writes], { env });
    expect(probe.stdout).toBe(`${nobody}\nstate\nnone\n`);

    const podium = await PodiumStub.start();
    const gateway = await startGateway(confined(state), { podiumUrl: podium.url, root: state });
    expect((await call(gateway.baseUrl, dispatchCall(enqueueBody("STORY-1")))).status).toBe(200);
    expect(podium.commands).toHaveLength(1);
    expect((await call(gateway.baseUrl, { path: "/ready" })).status).toBe(200);
    expect(await gateway.stop()).toEqual({ code: 0, signal: null });
    await podium.down();
    for (const name of readdirSync(path.join(state, "logs"))) {
      const { uid, mode } = lstatSync(path.join(state, "logs", name));
      expect([uid, mode & 0o777]).toEqual([nobody, 0o600]);
    }
    expect((await runCommand(confined(state), ["audit", "verify"], { env })).code).toBe(0);
  });

  test("without even that it does not start, and says what it can't write", async () => {
    const child = startChild([...confined("").command, "serve", "--port", "0"], { env });
    expect((await child.ended).code).toBe(1);
    expect(child.stderr()).toContain(path.join(state, "logs"));
    expect(child.stderr()).toMatch(/EROFS|read-only/i);
  });
});
