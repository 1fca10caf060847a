import { afterAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { loadConfig } from "../../src/config/load.ts";
import type { Config } from "../../src/config/schema.ts";
import { unitText } from "../../src/cli/unit-text.ts";
import { run } from "../e2e/child.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

const home = newRoot();
const env = { PATH: "/usr/bin:/bin", HOME: home, ROXY_ROOT: home, XDG_RUNTIME_DIR: home };
const defaults = (): Config =>
  loadConfig({ env, home, cwd: home, args: { settings: [] }, readText: () => undefined }).config;
const analyze = Bun.which("systemd-analyze");

describe("unit", () => {
  test("prints what starts this very program, and stops later than Podium's slowest answer", async () => {
    const config = path.join(home, "with space.jsonc");
    writeFileSync(config, '{ "podium": { "timeout_ms": 100500 } }');
    const { code, stdout } = await runHere(env, ["unit", "--config", config]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^ExecStart=\S+ \S+ serve --config "\/\S+\/with space\.jsonc"$/m);
    expect(stdout).toContain("TimeoutStopSec=116\n");
    expect(stdout).toContain("WantedBy=default.target");
  });

  test("says when to restart, how long to wait, and who may speak for it", async () => {
    const { stdout } = await runHere(env, ["unit"]);
    const [, service = ""] = stdout.split("[Service]\n");
    const directives = service.split("\n").filter((line) => /^[A-Z]\w+=/.test(line));
    const wanted = [
      "Type=notify",
      "NotifyAccess=all",
      "ExecReload=/bin/kill -HUP $MAINPID",
      `Environment=ROXY_ROOT=${home}`,
      "EnvironmentFile=-%h/.roxy/etc/roxy.env",
      "WatchdogSec=60",
      "Restart=on-failure",
      "RestartSec=2",
      "RestartPreventExitStatus=2 4",
      "TimeoutStartSec=120",
      "TimeoutStopSec=45",
      "LimitNOFILE=65536",
      "LimitCORE=0",
      "UMask=0077",
    ];
    const operating = directives.slice(0, directives.indexOf("UMask=0077") + 1);
    expect(operating.filter((line) => !line.startsWith("ExecStart="))).toEqual(wanted);
    expect(stdout).toMatch(/^\[Unit\]\n(?:.*\n)*StartLimitIntervalSec=60\nStartLimitBurst=5\n\n\[Service\]/);
  });

  test("a system unit can read its settings, and says what it can't reach", async () => {
    const folder = mkdtempSync("/tmp/roxy-unit-");
    afterAll(() => rmSync(folder, { recursive: true }));
    const config = path.join(folder, "far.jsonc");
    writeFileSync(config, "{}", { mode: 0o644 });
    const unit = await runHere(env, ["unit", "--system", "--exec", "/usr/bin/env", "--config", config]);
    expect(unit.stdout).toContain("ConfigurationDirectory=roxy-core\nConfigurationDirectoryMode=0755\n");
    expect(unit.stdout).toContain("EnvironmentFile=-/etc/roxy-core/roxy.env\n");
    expect(unit.stderr).toBe(`Warning: ${config} is out of a system unit's reach: put it into /etc/roxy-core\n`);
    chmodSync(config, 0o600);
    const closed = await runHere(env, ["unit", "--system", "--exec", "/usr/bin/env", "--config", config]);
    expect(closed.stderr).toBe(`${unit.stderr}Warning: ${config} is out of a system unit's reach: chmod 644 it\n`);
    const users = await runHere(env, ["unit", "--user", "--config", config]);
    expect(users.stderr).toBe("");
    const near = await runHere(env, ["unit", "--system", "--exec", "/usr/bin/env"]);
    expect(near.stderr).toBe("");
  });

  test("a system unit is told of every path of the configuration that it can't reach", async () => {
    const folder = mkdtempSync("/tmp/roxy-unit-");
    afterAll(() => rmSync(folder, { recursive: true }));
    for (const name of ["t", "j"])
      writeFileSync(path.join(folder, name), "0123456789abcdef".repeat(2), { mode: 0o600 });
    const config = path.join(folder, "c.jsonc");
    const paths = { auth: { token_file: "t" }, podium: { jwt_secret_file: "j" }, audit: { dir: "logs" } };
    writeFileSync(config, JSON.stringify({ ...paths, listen: { socket: "/run/roxy-core/s" } }), { mode: 0o644 });
    const { stderr } = await runHere(env, ["unit", "--system", "--exec", "/usr/bin/env", "--config", config]);
    const told = stderr.replaceAll("Warning: ", "").replaceAll(" is out of a system unit's reach", "").split("\n");
    expect(told).toEqual([
      `${config}: put it into /etc/roxy-core`,
      `${folder}/j (podium.jwt_secret_file): hand it over by --jwt-secret, and take the setting out`,
      `${folder}/logs (audit.dir): choose a place in /var/lib/roxy-core`,
      `${folder}/t (auth.token_file): put it into /etc/roxy-core`,
      "",
    ]);
  });

  test("a system unit is kept to this machine only where all that it asks is on it", () => {
    const textFor = (config: Config): string =>
      unitText({ scope: "system", command: ["/roxy-core"], config, credentials: [], root: "/var/lib/roxy-core" });
    expect(textFor(defaults())).toContain("\nIPAddressDeny=any\nIPAddressAllow=localhost\n");
    const services = [{ name: "Ollama", url: "http://box.local:11434", health: "/" }];
    expect(textFor({ ...defaults(), services })).not.toContain("IPAddress");
  });

  test("names a program or a secret that is not there", async () => {
    const missing = (file: string): string =>
      `Warning: There is no file ${file}: without it the service does not start\n`;
    for (const option of ["--exec", "--jwt-secret", "--jwt-key"]) {
      const { code, stderr } = await runHere(env, ["unit", option, "/nonexistent/x"]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: missing("/nonexistent/x") });
    }
    const both = await runHere(env, ["unit", "--exec", "gone", "--jwt-key", "/etc/passwd"]);
    expect(both.stderr).toBe(missing(path.join(home, "gone")));
  });

  test("quotes what systemd would read as something else", () => {
    const command = ["/a b/100%/$x", 'c"d\\', "/e$f", "serve"];
    const text = unitText({ scope: "user", command, config: defaults(), credentials: [], root: undefined });
    expect(text).toContain(String.raw`ExecStart="/a b/100%%/$x" "c\"d\\" "/e$$f" serve`);
  });

  test("a credential's path stands as it is, and a `$` in a folder stays single", async () => {
    const text = await nastyUnit("system");
    expect(text).toContain(`\nLoadCredential=podium_jwt_secret:${nasty.replaceAll("%", "%%")}/k\n`);
    const quoted = nasty.replaceAll("%", "%%").replaceAll("\\", "\\\\").replaceAll('"', '\\"');
    expect(text).toContain(`\nReadWritePaths="${quoted}/logs"\n`);
  });

  test.each([" ", "\\"])("a credential's path that ends with %j is refused: its end would be lost", async (end) => {
    const { code, stdout, stderr } = await runHere(env, ["unit", "--jwt-secret", `/etc/k${end}`]);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(`path ends like this: ${JSON.stringify(`/etc/k${end}`)}\n`);
  });

  test.each(["--exec", "--jwt-secret", "--jwt-key", "--config"])(
    "%s can't smuggle a line into the unit, nor anything into the terminal",
    async (option) => {
      const evil = path.join(home, "x\nExecStartPre=touch owned\n#\u001b[2J\u007f\u009b31m");
      mkdirSync(path.dirname(evil), { recursive: true });
      writeFileSync(evil, "{}");
      const { code, stdout, stderr } = await runHere(env, ["unit", option, evil]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      const shown = String.raw`x\nExecStartPre=touch owned\n#\u001b[2J\u{7f}\u{9b}31m`;
      expect(stderr).toBe(`roxy-core: systemd can't be told of a path with control characters: "${home}/${shown}"\n`);
    },
  );

  test("neither can the working folder or the home folder", async () => {
    const evil = path.join(home, "y\nExecStartPre=touch owned");
    const config = path.join(home, "at-home.jsonc");
    writeFileSync(config, '{ "audit": { "dir": "~/logs" } }');
    // The program works in its home folder here.
    for (const words of [
      ["--exec", "roxy-core"],
      ["--system", "--exec", "/usr/bin/env", "--config", config],
    ]) {
      const { code, stdout, stderr } = await runHere({ ...env, HOME: evil }, ["unit", ...words]);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toStartWith("roxy-core: systemd can't be told of a path with control characters");
    }
  });

  test("wrong usage and a configuration with mistakes are refused", async () => {
    expect((await runHere(env, ["unit", "--user", "--system"])).code).toBe(2);
    const config = path.join(home, "bad.jsonc");
    writeFileSync(config, "{ nonsense }");
    expect((await runHere(env, ["unit", "--config", config])).code).toBe(1);
  });

  test.each(["user", "system"])("systemd finds no fault with the %s unit", async (kind) => {
    if (!analyzeIsThere() || analyze === null) return;
    const file = path.join(home, `roxy-core-${kind}.service`);
    for (const unit of [await nastyUnit(kind), (await runHere(env, ["unit", `--${kind}`])).stdout]) {
      writeFileSync(file, unit);
      const { stdout, stderr } = await run([analyze, "verify", "--man=no", `--${kind}`, file], { env });
      expect(`${stdout}${stderr}`.split("\n").filter((line) => line.includes("roxy-core-"))).toEqual([]);
    }
    if (kind === "user") return;
    const security = await run([analyze, "security", "--offline=yes", "--no-pager", file], { env });
    const exposure = /Overall exposure level for \S+: ([\d.]+)/.exec(security.stdout)?.[1];
    expect(Number(exposure)).toBeLessThanOrEqual(1.2);
  });
});

/** Everything that means something else to systemd in one kind of line or another. */
const nasty = path.join(home, String.raw`se cret$d"q%i\w`);

async function nastyUnit(kind: string): Promise<string> {
  mkdirSync(nasty, { recursive: true });
  // Of a program's path systemd takes no quotes and no backslash, however they are written.
  const [exec, secret, config] = [path.join(home, "r $un%i"), path.join(nasty, "k"), path.join(nasty, "c.jsonc")];
  writeFileSync(exec, "", { mode: 0o755 });
  writeFileSync(secret, "");
  writeFileSync(config, JSON.stringify({ audit: { dir: `${nasty}/logs` } }));
  const words = ["--exec", exec, "--jwt-secret", secret, "--config", config];
  return (await runHere({ ...env, ROXY_ROOT: nasty }, ["unit", `--${kind}`, ...words])).stdout;
}

function analyzeIsThere(): boolean {
  if (analyze !== null) return true;
  if (process.env["CI"] === "true") throw new Error("systemd-analyze is not installed");
  process.stderr.write("SKIPPED: the units under systemd-analyze, which is not installed\n");
  return false;
}
