import { describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { activeName, auditPath, chainFaults, readRecords } from "./audit-file.ts";
import { run } from "./child.ts";
import type { Json } from "./http-client.ts";
import { verifyToken } from "./jwt.ts";
import type { Launcher } from "./launcher.ts";
import { environment, repository } from "./launcher.ts";
import type { Seen } from "./podium-stub.ts";
import { expectProblem } from "./problem.ts";
import type { Scene } from "./scene.ts";
import { newStory, secret, useScene } from "./scene.ts";

export function auditSuite(launcher: Launcher): void {
  describe("the audit log", () => {
    const scene = useScene(launcher, { env: { PODIUM_JWT_SECRET: secret } });
    order(scene);
    chain(scene);
    test("only its owner may read it", async () => {
      expect(statSync(auditPath(scene.gateway.root)).mode & 0o777).toBe(0o600);
      expect(statSync(`${scene.gateway.root}/logs`).mode & 0o777).toBe(0o700);
    });
  });
  reserve(launcher);
}

/** What stood in the log at the moment when Podium was called. */
function lookInto(scene: Scene): Json[][] {
  const looks: Json[][] = [];
  scene.podium.onRequest = (seen: Seen) => {
    const { jti, sub } = verifyToken(seen.headers.get("authorization")!.slice(7), secret).claims;
    // The gateway asks for Podium's status of its own accord when its stream connects: nobody dispatched that.
    if (sub === "roxy-core") return;
    looks.push(readRecords(scene.gateway.root).filter(({ audit_id }) => audit_id === jti));
  };
  return looks;
}

function order(scene: Scene): void {
  const payloads: Record<string, Json> = {
    enqueue_story: { story_id: "S-1" },
    cancel_story: { story_id: "S-1" },
    prepare_apply: { plan_id: "P-1" },
    apply_plan: { plan_id: "P-1", nonce: "n" },
    enqueue_plan: { plan_id: "P-1" },
    halt: {},
    status: {},
  };
  for (const [action, payload] of Object.entries(payloads)) {
    test(`${action}: the intent is in the file before Podium is called, the outcome before the answer`, async () => {
      const looks = lookInto(scene);
      const { json } = await scene.dispatch({ action, payload });
      expect(looks).toHaveLength(1);
      expect(looks[0]!.map(({ event }) => event)).toEqual(["intent"]);
      expect(looks[0]![0]).toMatchObject({ audit_id: json.audit_id, ...json.receipt });
      expect(scene.records(json.audit_id).map(({ event }) => event)).toEqual(["intent", "outcome"]);
    });
  }

  test("under many at once each has its intent in the file before Podium sees it", async () => {
    const looks = lookInto(scene);
    const answers = await Promise.all(Array.from({ length: 50 }, () => scene.enqueue(newStory())));
    expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: 50 }, () => 200));
    expect(looks.map((records) => records.map(({ event }) => event))).toEqual(looks.map(() => ["intent"]));
    expect(looks).toHaveLength(50);
    for (const { json } of answers) expect(scene.records(json.audit_id)).toHaveLength(2);
  });
}

function chain(scene: Scene): void {
  test("the chain is whole over a restart and a kill, and every record is known", async () => {
    await scene.restart("stop");
    expect((await scene.enqueue(newStory())).status).toBe(200);
    await scene.restart("kill");
    expect((await scene.enqueue(newStory())).status).toBe(200);
    expect(chainFaults(scene.gateway.auditLines())).toEqual([]);
    const [first] = scene.gateway.records();
    expect(first).toMatchObject({ v: 1, seq: 0, event: "genesis", prev_hash: "0".repeat(64) });
    const events = "genesis open intent outcome unknown rejected job checkpoint recover close prune key".split(" ");
    for (const { event } of scene.gateway.records()) expect(events).toContain(event);
  });

  const page = `${repository}/src/audit/README.md`;
  test.skipIf(!existsSync(page))("a POSIX shell with sha256sum verifies it, and finds one changed byte", async () => {
    const script = /```sh\n([^]*?)```/.exec(readFileSync(page, "utf8"))![1]!;
    await expectVerifies(scene, ["/bin/sh", "-c", script, "check-chain.sh", "."]);
  });

  const readme = `${repository}/README.md`;
  test.skipIf(!existsSync(readme))(
    "the README's own commands print the digits that the newest line ends with",
    async () => {
      const script = /<!-- verify -->\s*```\w*\n([^]*?)```/.exec(readFileSync(readme, "utf8"))![1]!;
      const folder = `${scene.gateway.root}/logs`;
      const { stdout } = await run(["/bin/sh", "-c", script], { cwd: folder, env: environment(folder) });
      expect(scene.gateway.auditLines().at(-1)).toEndWith(`"hash":"${stdout.slice(0, 64)}"}`);
    },
  );
}

/** Runs a verifier in the log's folder: it must take the log, and no log with a byte changed or a line gone. */
async function expectVerifies(scene: Scene, command: readonly string[]): Promise<void> {
  const folder = mkdtempSync(`${scene.gateway.root}/verify-`);
  const verify = async (log: Buffer): Promise<number | null> => {
    writeFileSync(`${folder}/${activeName}`, log);
    return (await run(command, { cwd: folder, env: environment(folder) })).code;
  };
  const whole = Buffer.from(`${scene.gateway.auditLines().join("\n")}\n`);
  // It must cover no more than what is there.
  const checkpoint = "orchestrator-audit.checkpoint";
  copyFileSync(`${scene.gateway.root}/logs/${checkpoint}`, `${folder}/${checkpoint}`);
  expect(await verify(whole)).toBe(0);
  expect(await verify(Buffer.alloc(0))).not.toBe(0);
  const middle = Math.floor(whole.length / 2);
  const flipped = Buffer.from(whole);
  const place = whole.indexOf('"timestamp":"', middle) + 15;
  flipped[place] = flipped[place]! ^ 1;
  expect(await verify(flipped)).not.toBe(0);
  const lineStart = whole.indexOf("\n", middle) + 1;
  const lineEnd = whole.indexOf("\n", lineStart) + 1;
  expect(await verify(Buffer.concat([whole.subarray(0, lineStart), whole.subarray(lineEnd)]))).not.toBe(0);
}

function reserve(launcher: Launcher): void {
  describe("a disk that is nearly full", () => {
    const scene = useScene(launcher, { settings: { "audit.disk_reserve_mb": "1048576" } });
    test("new dispatches are refused unsent, and a halt still passes", async () => {
      const before = scene.gateway.auditLines().length;
      expectProblem(await scene.enqueue(newStory()), { status: 503, code: "audit_unavailable", retry: "safe" });
      expect(scene.podium.requests).toEqual([]);
      expect(scene.gateway.auditLines()).toHaveLength(before);
      expect((await scene.dispatch({ action: "halt" })).status).toBe(200);
      expect(scene.podium.requests).toHaveLength(1);
    });

    test("it is not ready and says why, and alive all the same", async () => {
      const ready = await scene.get("/ready");
      expect([ready.status, ready.json.success]).toEqual([503, false]);
      expect(ready.json.reason).toContain("audit.disk_reserve_mb");
      expect((await scene.get("/metrics")).text).toContain("\nroxy_ready 0\n");
      expect((await scene.get("/health")).status).toBe(200);
    });
  });
}
