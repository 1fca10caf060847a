import { describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { bunLauncher, environment } from "../e2e/launcher.ts";
import { expectAcknowledgedHeld } from "./accounting.ts";
import type { Place } from "./log-folder.ts";
import { intent, newPlace, openLog, snapshot, verifyPlace } from "./log-folder.ts";
import { driver, jobOf, readOutput } from "./traced.ts";

/**
 * A real file system that is full, or read-only: a small tmpfs in a mount namespace of its own, which is gone with the
 * shell that made it. Where that is not allowed, the same promise is kept by `ulimit -f` (system-calls.test.ts).
 */

const namespaces = [["-m"], ["-rm"]].map((flags) => ["unshare", ...flags, "sh", "-euc"]);
const mounting = namespaces.find(
  ([program, ...args]) => spawnSync(program!, [...args, "mount -t tmpfs -o size=1m tmpfs /mnt"]).status === 0,
);
if (!mounting) process.stderr.write("SKIPPED, because mounting is not permitted here: a full and a read-only disk\n");

/** Runs a script with `$LOGS` a mount of 1 MiB. `drive JOB` is the driver, `roxy WORDS` the program; each shows its exit code. */
function inNamespace(place: Place, script: string): string {
  mkdirSync(place.dir, { mode: 0o700 });
  const [program, ...args] = mounting!;
  const settings = `--set audit.dir="$LOGS" --set audit.checkpoint_key_file="$KEY"`;
  const prelude = `
    mount -t tmpfs -o size=1m,mode=700 tmpfs "$LOGS"
    drive() { code=0; "$BUN" "$DRIVER" "$1" 2>&1 || code=$?; echo "exit $code"; }
    roxy() { code=0; "$BUN" "$MAIN" "$@" ${settings} 2>&1 || code=$?; echo "exit $code"; }
  `;
  const [bun, main] = bunLauncher.command as [string, string];
  const env = {
    ...environment(place.root),
    LOGS: place.dir,
    KEY: place.keyFile,
    BUN: bun,
    MAIN: main,
    DRIVER: driver,
    SAVED: join(place.root, "saved"),
    LOAD: jobOf(place, { mode: "load", callers: 8 }),
    LIFE: jobOf(place, { mode: "life" }),
  };
  const { stdout, stderr, status } = spawnSync(program!, [...args, prelude + script], {
    env,
    encoding: "utf8",
    timeout: 50_000,
  });
  if (status !== 0) throw new Error(`The script ended with ${status}: ${stdout}${stderr}`);
  return stdout;
}

describe.skipIf(!mounting)("Property 3: a real disk that is full, or read-only", () => {
  test("full under load: the process ends, nothing acknowledged is lost, and with room made it goes on", async () => {
    const place = newPlace();
    const said = inNamespace(
      place,
      `
      dd if=/dev/zero of="$LOGS/filler" bs=1k count=950 2>/dev/null
      drive "$LOAD"
      rm -rf "$SAVED"; cp -a "$LOGS" "$SAVED"
      echo --- a start without room
      roxy serve --port 0 --podium-url http://127.0.0.1:9
      cp -a "$LOGS" "$SAVED.after"
      mount -o remount,size=4m "$LOGS"
      echo --- with room
      drive "$LIFE"
      roxy audit verify
      cp -a "$LOGS" "$SAVED.end"
      `,
    );
    const [underLoad, withoutRoom, withRoom] = said.split(/^---.*$/m) as [string, string, string];
    expect(underLoad).toMatch(/^fatal Cannot write the audit log .*(ENOSPC|a write took \d+ of \d+ bytes)/m);
    expect(underLoad).toEndWith("exit 1\n");
    const { acknowledged } = readOutput(underLoad);
    expect(acknowledged.length).toBeGreaterThan(100);
    // It says the path, what is wrong and what to do; and of what was there no byte is another one.
    expect(withoutRoom).toContain(place.dir);
    expect(withoutRoom).toMatch(/ENOSPC.*Make room on that disk|a write took/);
    expect(withoutRoom).toEndWith("exit 1\n");
    const before = snapshot(join(place.root, "saved"));
    const after = snapshot(join(place.root, "saved.after"));
    for (const [name, bytes] of before) {
      if (!name.endsWith(".jsonl")) continue;
      const complete = bytes.subarray(0, bytes.lastIndexOf(10) + 1);
      expect(after.get(name)?.subarray(0, complete.length).equals(complete)).toBe(true);
    }
    expect(withRoom).toMatch(/^exit 0$/m);
    expect(withRoom).toContain("Intact: ");
    await expectAcknowledgedHeld(
      { ...place, dir: join(place.root, "saved"), active: join(place.root, "saved", "orchestrator-audit.jsonl") },
      acknowledged,
      "full disk",
    );
  }, 60_000);

  test("read-only: refused with the path and what to do, while verification goes on", async () => {
    const source = newPlace();
    const { log } = await openLog(source);
    await log.append(intent(1));
    await log.close();
    const place = { ...newPlace(), keyFile: source.keyFile };
    const said = inNamespace(
      place,
      `
      cp -a ${source.dir}/. "$LOGS"
      mount -o remount,ro "$LOGS"
      roxy serve --port 0 --podium-url http://127.0.0.1:9
      echo --- beside it
      roxy audit verify
      roxy audit tail
      `,
    );
    const [served, read] = said.split(/^---.*$/m) as [string, string];
    expect(served).toContain(place.dir);
    expect(served).toMatch(/EROFS.*Make it writable again, or set audit\.dir/);
    expect(served).toEndWith("exit 1\n");
    expect(served).not.toMatch(/^\s+at /m);
    expect(read).toContain("Intact: 3 records");
    expect(read.match(/^exit 0$/gm)).toHaveLength(2);
    expect(readdirSync(place.dir)).toEqual([]);
    expect(readFileSync(source.active).length).toBeGreaterThan(0);
    expect(await verifyPlace(source)).toMatchObject({ ok: true });
  }, 60_000);
});
