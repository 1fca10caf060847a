import { describe, expect, test } from "bun:test";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import { auditFindings } from "../../src/cli/doctor-audit.ts";
import type { Finding } from "../../src/cli/doctor-finding.ts";
import { unitFindings } from "../../src/cli/doctor-unit.ts";
import type { Config } from "../../src/config/schema.ts";
import { auditDefaults } from "../../src/config/schema.ts";
import type { Reply } from "../e2e/podium-stub.ts";
import { reply } from "../e2e/podium-stub.ts";
import { runHere } from "./in-process.ts";
import { newRoot, useScriptedStage } from "./stage.ts";

const stage = useScriptedStage();
const activeLog = "logs/orchestrator-audit.jsonl";

interface Examined {
  readonly code: number;
  readonly ok: boolean;
  readonly findings: readonly Finding[];
  of(check: string): Finding | undefined;
}

async function doctor(words: readonly string[] = [], env: Readonly<Record<string, string>> = {}): Promise<Examined> {
  const more = ["--json", "--podium-url", stage.podium.url, "--url", stage.gateway.baseUrl];
  const ran = await runHere({ ...stage.env, ...env }, ["doctor", ...more, ...words]);
  expect(ran.stderr).toBe("");
  const { ok, findings } = JSON.parse(ran.stdout) as { ok: boolean; findings: Finding[] };
  for (const { state, fix } of findings) expect(state === "ok" || Boolean(fix)).toBe(true);
  expect(ran.code).toBe(ok ? 0 : 1);
  return { code: ran.code, ok, findings, of: (check) => findings.find((one) => one.check === check) };
}

/** Away from the gateway and its files: a folder of its own, and nobody on the port. */
async function aloneDoctor(root: string, words: readonly string[] = [], env: Readonly<Record<string, string>> = {}) {
  return doctor(["--url", "http://127.0.0.1:1", ...words], { HOME: root, ROXY_ROOT: root, ...env });
}

/** A copy of the stage's root with its log and key. */
function copiedRoot(): string {
  const root = newRoot();
  cpSync(stage.gateway.root, root, { recursive: true });
  for (const folder of [root, path.join(root, "logs")]) chmodSync(folder, 0o700);
  return root;
}

function healthAnswers(status: number, body: string, date = new Date()): void {
  const plain = stage.podium.status;
  stage.podium.status = (socket, seen) => {
    if (!seen.path.startsWith("/health")) return plain(socket, seen);
    const head = `HTTP/1.1 ${status} Stub\r\ndate: ${date.toUTCString()}\r\ncontent-length: ${body.length}\r\n\r\n`;
    socket.write(head + body);
    return undefined;
  };
}

const unauthorized: Reply = reply.text('{"success":false,"error":"invalid signature"}', 401);

describe("doctor", () => {
  test("is content when all is well: exit code 0, in words and as JSON", async () => {
    stage.podium.reset();
    await stage.podium.telemetry();
    const { ok, of } = await doctor();
    expect(ok).toBe(true);
    expect(of("gateway")).toMatchObject({
      state: "ok",
      detail: expect.stringContaining(`(pid ${stage.gateway.child.pid})`),
    });
    expect(of("telemetry")?.state).toBe("ok");
    expect(of("podium token")?.detail).toBe("Podium takes the gateway's requests");
    expect(of("audit chain")?.detail).toMatch(/^(?:1 record|\d+ records), the first \d+ signed/);
    const { stdout } = await runHere(stage.env, [
      "doctor",
      "--podium-url",
      stage.podium.url,
      "--url",
      stage.gateway.baseUrl,
    ]);
    expect(stdout).toMatch(/^ok {7}configuration {2}No file/);
  });

  test("shows it in colour on a terminal", async () => {
    const { code, screen } = await stage.onTerminal("doctor", "--podium-url", stage.podium.url);
    expect(code).toBe(0);
    expect(screen).toContain("\u001b[32mok     \u001b[0m  gateway");
  });

  test("names the program that has taken the port", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("hello") });
    const { ok, of } = await doctor(["--url", `http://127.0.0.1:${server.port}`]);
    await server.stop(true);
    expect(ok).toBe(false);
    expect(of("gateway")?.detail).toMatch(new RegExp(`is taken by \\S*bun(\\.exe)? test.*\\(pid ${process.pid}`));
    expect(of("gateway")?.fix).toContain("listen.port");
  });

  test("a gateway that takes connections and answers nothing is called that, with its process", async () => {
    stage.gateway.child.kill("SIGSTOP");
    try {
      const { of } = await doctor();
      expect(of("gateway")?.detail).toMatch(
        new RegExp(
          `takes connections but does not answer \\(No answer within 5000 ms\\): .*pid ${stage.gateway.child.pid}`,
        ),
      );
    } finally {
      stage.gateway.child.kill("SIGCONT");
    }
  });

  test("a broken configuration hides neither a flag's port nor its own", async () => {
    const root = newRoot();
    const file = path.join(root, "roxy-core.jsonc");
    const gatewayOf = async (text: string, ...words: string[]): Promise<Finding | undefined> => {
      writeFileSync(file, text);
      const { stdout } = await runHere({ HOME: root, ROXY_ROOT: root }, ["doctor", "--json", ...words]);
      return (JSON.parse(stdout) as { findings: Finding[] }).findings.find(({ check }) => check === "gateway");
    };
    const { port, baseUrl } = stage.gateway;
    const answers = expect.stringContaining(`answers at ${baseUrl} `);
    expect(await gatewayOf("{ torn", "--port", String(port))).toMatchObject({ state: "ok", detail: answers });
    const slip = `{ "listen": { "port": ${port} }, "podum": {} }`;
    expect(await gatewayOf(slip)).toMatchObject({ state: "ok", detail: answers });
    expect((await gatewayOf(slip, "--port", "1"))?.detail).toBe("Nobody listens at http://127.0.0.1:1");
  });

  test("says how to start a gateway that does not run", async () => {
    const { of } = await aloneDoctor(newRoot());
    expect(of("gateway")).toMatchObject({ state: "problem", detail: "Nobody listens at http://127.0.0.1:1" });
    expect(of("audit folder")).toMatchObject({ state: "ok", detail: expect.stringContaining("is not there yet") });
  });

  test("Podium: unreachable, degraded in its own words, and something else", async () => {
    stage.podium.reset();
    const { of } = await doctor(["--podium-url", "http://127.0.0.1:1"]);
    expect(of("podium")).toMatchObject({ state: "problem", fix: expect.stringContaining("ROXY_PODIUM_BASE_URL") });
    healthAnswers(503, '{"status":"degraded","error":"Redis \\u001b[2Jis away"}');
    const degraded = (await doctor()).of("podium");
    expect(degraded?.state).toBe("problem");
    expect(degraded?.detail).toEndWith("is reachable but degraded: Redis \u001b[2Jis away");
    healthAnswers(503, "null");
    expect((await doctor()).of("podium")?.detail).toEndWith("is reachable but degraded: null");
    healthAnswers(503, JSON.stringify({ parts: "x".repeat(50_000), error: "Redis is away" }));
    expect((await doctor()).of("podium")?.detail).toEndWith("is reachable but degraded: Redis is away");
    for (const [body, words] of [
      ['{"status":"degraded","reason":"no conductor"}', "no conductor"],
      ['{"status":"degraded","reasons":["no conductor",7,"no disk"]}', "no conductor; no disk"],
      ['{"status":"starting"}', "starting"],
      ['{"status":"degraded"}', '{"status":"degraded"}'],
    ] as const) {
      healthAnswers(503, body);
      expect((await doctor()).of("podium")?.detail).toEndWith(`is reachable but degraded: ${words}`);
    }
    stage.podium.reset();
    healthAnswers(502, "<html>");
    expect((await doctor()).of("podium")?.state).toBe("warning");
  });

  test("Podium's token: wrong secret, none at all, and right", async () => {
    stage.podium.reset();
    stage.podium.status = (socket, seen) =>
      seen.path.startsWith("/health") ? reply.text("{}")(socket, seen) : unauthorized(socket, seen);
    const none = await doctor();
    expect(none.of("podium token")?.detail).toBe(
      "Podium wants a token and none is configured here: 401: invalid signature",
    );
    const secret = "not-podiums-secret-0123456789abcdef";
    const wrong = await doctor([], { PODIUM_JWT_SECRET: secret });
    expect(wrong.of("podium token")?.detail).toContain("made with the secret from PODIUM_JWT_SECRET: 401");
    expect(JSON.stringify(wrong.findings)).not.toContain(secret);
    stage.podium.reset();
    const right = await aloneDoctor(newRoot(), [], { PODIUM_JWT_SECRET: secret });
    expect(right.of("podium token")?.detail).toBe("Podium takes our token (from PODIUM_JWT_SECRET)");
  });

  test.each([
    [-3_600_000, "problem", "Podium's clock is 3600 s behind ours: tokens are refused"],
    [20_000, "warning", "Podium's clock is 20 s ahead of ours"],
    [0, "ok", "Podium's clock agrees with ours"],
  ] as const)("a clock that is off by %d ms", async (offMs, state, detail) => {
    stage.podium.reset();
    healthAnswers(200, "{}", new Date(Date.now() + offMs));
    const clock = (await doctor()).of("clock");
    expect(clock?.state).toBe(state);
    expect(clock?.detail.replace(/3599|3601/, "3600").replace(/19|21/, "20")).toBe(detail);
  });

  test("mistakes in the configuration come with their place, and the rest is still looked at", async () => {
    stage.podium.reset();
    const root = newRoot();
    writeFileSync(path.join(root, "roxy-core.jsonc"), '{\n  "listen": { "prot": 9 }\n}');
    const { ok, findings, of } = await aloneDoctor(root);
    expect(ok).toBe(false);
    expect(of("configuration")?.detail).toContain("roxy-core.jsonc:2:15: listen.prot: Unknown key");
    expect(findings.some(({ check }) => check === "gateway")).toBe(true);
    for (const check of ["podium", "podium token", "clock", "audit folder", "disk", "audit chain"]) {
      expect(of(check)).toMatchObject({
        state: "warning",
        detail: expect.stringContaining("Not looked at: the configuration has a mistake"),
        fix: expect.stringContaining("Mend the configuration"),
      });
    }
  });

  test("a folder that can't be made is no good beginning", async () => {
    const root = newRoot();
    const stranger = { ...runtime, files: { ...runtime.files, user: () => 54_321 } };
    const planned = { audit: { ...auditDefaults(path.join(root, "a/b")), disk_reserve_mb: 0 } } as Config;
    chmodSync(root, 0o755);
    const of = async (here = stranger) => (await auditFindings(here, planned, undefined))[0];
    expect(await of()).toMatchObject({
      state: "problem",
      detail: expect.stringContaining(`may not make it in ${root}`),
    });
    chmodSync(root, 0o777);
    expect((await of())?.state).toBe("ok");
    writeFileSync(path.join(root, "a"), "");
    expect((await of(runtime))?.detail).toContain("is a file, not a folder");
  });

  test("a link is to be moved away, not to be followed by a chmod; a quote in a path stays in it", async () => {
    const root = path.join(copiedRoot(), "it's");
    cpSync(stage.gateway.root, root, { recursive: true });
    const active = path.join(root, activeLog);
    chmodSync(path.join(root, "logs"), 0o750);
    renameSync(active, `${active}.there`);
    symlinkSync(`${active}.there`, active);
    const { findings } = await aloneDoctor(root);
    const fixes = findings.filter(({ check }) => check === "audit folder").map(({ fix }) => fix);
    expect(fixes).toEqual([
      `chmod 700 '${root.replace("'", String.raw`'\''`)}/logs'`,
      expect.stringMatching(/^Move it away/),
    ]);
  });

  test("too little room on the disk, and access for others, with the command that mends it", async () => {
    const root = copiedRoot();
    chmodSync(path.join(root, "logs"), 0o755);
    chmodSync(path.join(root, activeLog), 0o644);
    const { findings, of } = await aloneDoctor(root, ["--set", "audit.disk_reserve_mb=1048576"]);
    expect(of("disk")?.detail).toContain("less than audit.disk_reserve_mb (1048576)");
    const fixes = findings.filter(({ check }) => check === "audit folder").map(({ fix }) => fix);
    expect(fixes).toEqual([`chmod 700 '${root}/logs'`, `chmod 600 '${root}/${activeLog}'`]);
  });

  test("a cut or damaged log, a missing or foreign checkpoint", async () => {
    const chainOf = async (damage: (root: string) => void): Promise<Finding | undefined> => {
      const root = copiedRoot();
      damage(root);
      return (await aloneDoctor(root)).of("audit chain");
    };
    await stage.run("dispatch", "enqueue_story", "D-1");
    await stage.gateway.stop();
    expect((await chainOf(() => {}))?.state).toBe("ok");
    const text = readFileSync(path.join(stage.gateway.root, activeLog), "utf8");
    const lines = text.trimEnd().split("\n");
    const cut = await chainOf((root) => truncateSync(path.join(root, activeLog), lines[0]!.length + 1));
    expect(cut?.detail).toMatch(/^The checkpoint covers \d+ records, but the log ends at 1$/);
    const edited = lines.map((line, i) => (i === 1 ? line.replace("2", "3") : line)).join("\n");
    const middle = await chainOf((root) => writeFileSync(path.join(root, activeLog), `${edited}\n`));
    expect(middle).toMatchObject({ state: "problem", detail: expect.stringContaining(`${activeLog}:2: `) });
    const audit = { ...auditDefaults(stage.gateway.root), disk_reserve_mb: 0 } as Config["audit"];
    const long = (await auditFindings(runtime, { audit }, undefined, 10)).at(-1);
    expect(long).toMatchObject({ state: "ok", detail: expect.stringContaining("the middle was not looked at") });
    const flippedLog = [...lines.slice(0, -1), lines.at(-1)!.replace("2", "3"), ""].join("\n");
    const flipped = await chainOf((root) => writeFileSync(path.join(root, activeLog), flippedLog));
    expect(flipped?.state).toBe("problem");
    const tornLog = `${text}${lines.at(-1)!.slice(0, 50)}`;
    const torn = await chainOf((root) => writeFileSync(path.join(root, activeLog), tornLog));
    expect(torn).toMatchObject({
      state: "warning",
      detail: expect.stringMatching(/ends without a line end: .* a crash has torn\. All before it fits$/),
      fix: expect.stringContaining("the next start moves these bytes to a file beside the log"),
    });
    const junkBehind = await chainOf((root) => writeFileSync(path.join(root, activeLog), text + "x".repeat(300_000)));
    expect(junkBehind).toMatchObject({ state: "problem", detail: expect.stringContaining("262144 bytes or more") });
    const tornAndEdited = `${edited}\n${lines.at(-1)!.slice(0, 50)}`;
    expect((await chainOf((root) => writeFileSync(path.join(root, activeLog), tornAndEdited)))?.state).toBe("problem");
    const keyless = copiedRoot();
    const keyFile = path.join(keyless, "keys/audit-ed25519.key");
    rmSync(keyFile);
    const { of } = await aloneDoctor(keyless);
    expect(of("signing key")).toMatchObject({
      state: "problem",
      detail: `${keyFile} is missing, and the log can't be signed without it: the gateway does not start`,
      fix: expect.stringMatching(/^Restore it from a copy; without it, keep the log as it is/),
    });
    expect(of("audit chain")?.state).toBe("ok");
    const checkpoint = "logs/orchestrator-audit.checkpoint";
    const junk = await chainOf((root) => writeFileSync(path.join(root, checkpoint), "junk"));
    expect(junk).toMatchObject({ state: "problem", fix: expect.stringContaining("audit verify") });
  });
});

describe("the unit", () => {
  const home = newRoot();
  const unit = path.join(home, ".config/systemd/user/roxy-core.service");
  const booted = {
    ...runtime.files,
    stat: (at: string) => runtime.files.stat(at === "/run/systemd/system" ? home : at),
  };
  const look = (): Finding =>
    unitFindings({ ...runtime, files: booted, process: { ...runtime.process, env: {}, home } })[0]!;

  test("is missed where systemd runs, and its program must be there", () => {
    expect(look()).toMatchObject({ state: "warning", detail: expect.stringContaining("is not installed") });
    mkdirSync(path.dirname(unit), { recursive: true });
    writeFileSync(unit, "[Service]\nExecStart=-%h/.local/bin/roxy-core serve\n");
    expect(look().detail).toBe(`${unit} starts ${home}/.local/bin/roxy-core, which is not there`);
    mkdirSync(path.join(home, ".local/bin"), { recursive: true });
    writeFileSync(path.join(home, ".local/bin/roxy-core"), "");
    expect(look()).toMatchObject({ state: "ok" });
  });
});
