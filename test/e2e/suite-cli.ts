import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import net from "node:net";
import { mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import type { Ran } from "./child.ts";
import { startChild } from "./child.ts";
import type { Launcher } from "./launcher.ts";
import { environment, makeRoot, plannedRoot, removeRoot, repository, runCommand } from "./launcher.ts";

/** Runs the program in a folder of its own. */
type Run = (args: readonly string[], env?: Readonly<Record<string, string>>) => Promise<Ran>;

const manifest = JSON.parse(readFileSync(`${repository}/package.json`, "utf8")) as { version: string };

export function cliSuite(launcher: Launcher): void {
  describe("the command line", () => {
    const root = plannedRoot();
    beforeAll(() => makeRoot(root));
    afterAll(() => removeRoot(root));
    const run: Run = (args, env = {}) => runCommand(launcher, args, { cwd: root, env: environment(root, env) });
    words(run);
    usage(run);
    initAndCheck(run, root);
    mistakes(run, root);
    layers(run, root);
    interrupted(launcher, root);
  });
}

function words(run: Run): void {
  test("--help tells the commands and the exit codes", async () => {
    for (const args of [["--help"], ["-h"], ["help"]]) {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      for (const word of ["serve", "demo", "luno", "config", "Exit codes", "Usage:"]) expect(stdout).toContain(word);
    }
  });

  test("each command tells its own options", async () => {
    const said = await Promise.all(
      ["serve", "demo", "luno", "config", "config show"].map((name) => run([...name.split(" "), "--help"])),
    );
    for (const { code, stdout } of said) {
      expect(code).toBe(0);
      expect(stdout).toContain("Usage: roxy-core");
    }
  });

  test("--version tells version, commit and runtime on one line", async () => {
    const { code, stdout } = await run(["--version"]);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^roxy-core \S+ \(\S+, (bun|deno) [\d.]+\)\n$/);
    expect(stdout).toStartWith(`roxy-core ${manifest.version} `);
  });
}

function usage(run: Run): void {
  const wrong: readonly (readonly [string[], string])[] = [
    [["dispach"], "dispach"],
    [["serv"], "Did you mean serve"],
    [["serve", "--prot", "1"], "--port"],
    [["serve", "--port"], "--port"],
    [["serve", "stray"], "stray"],
    [["serve", "--port", "http"], "listen.port"],
    [["serve", "--port", "70000"], "listen.port"],
    [["serve", "--set", "listen.prot=1"], "listen.port"],
    [["serve", "--config", "/nonexistent/roxy.jsonc"], "/nonexistent/roxy.jsonc"],
    [["config", "polish"], "check"],
    [["demo", "--podium-port", "0"], "port"],
    [["demo", "--port", "0"], "port"],
    [["luno", "--beat-ms", "soon"], "--beat-ms"],
  ];
  for (const [args, word] of wrong) {
    test(`"${args.join(" ")}" is bad usage: exit code 2, one clear message, no stack`, async () => {
      const { code, stdout, stderr } = await run(args);
      expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
      expect(stderr).toContain(word);
      expect(stderr.trimEnd().split("\n")).toHaveLength(1);
    });
  }
}

function initAndCheck(run: Run, root: string): void {
  test("config init writes a file that is valid and changes nothing, and never replaces one unasked", async () => {
    const path = `${root}/init/roxy.jsonc`;
    const before = await run(["config", "show", "--json"]);
    expect((await run(["config", "init", path])).code).toBe(0);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    const again = await run(["config", "init", path]);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("--force");
    const check = await run(["config", "check", path]);
    expect(check.code).toBe(0);
    expect(check.stdout).toContain("is valid");
    const after = await run(["config", "show", "--json", "--config", path]);
    const values = ({ stdout }: Ran): unknown =>
      Object.entries(JSON.parse(stdout).settings as Record<string, { value: unknown }>).map(([key, { value }]) => [
        key,
        value,
      ]);
    expect(values(after)).toEqual(values(before));
  });

  test("config check without a file is fine, and says so", async () => {
    const { code, stdout } = await run(["config", "check"]);
    expect(code).toBe(0);
    expect(stdout).toContain("defaults");
  });
}

const bad = `{
  // a comment
  "listen": { "prot": 80 },
  "limits": { "dispatch_per_minute": "ten", },
  "audit": { "retention_days": 30 }
}
`;

function mistakes(run: Run, root: string): void {
  test("mistakes are told as file:line:column, all of them, with the nearest known key", async () => {
    const path = `${root}/bad.jsonc`;
    writeFileSync(path, bad);
    const places = [
      `${path}:3:15: listen.prot`,
      `${path}:4:38: limits.dispatch_per_minute`,
      `${path}:5:32: audit.retention_days`,
    ];
    const check = await run(["config", "check", path]);
    const serve = await run(["serve", "--port", "0", "--config", path]);
    expect([check.code, serve.code]).toEqual([1, 1]);
    for (const said of [check.stdout, serve.stderr]) {
      for (const place of places) expect(said).toContain(place);
      expect(said).toContain("nearest known key: listen.port");
    }
  });

  test("a file that is not JSONC is told where it breaks", async () => {
    const path = `${root}/torn.jsonc`;
    writeFileSync(path, '{\n  "listen": { "port": 1 }\n');
    const { code, stdout } = await run(["config", "check", path]);
    expect(code).toBe(1);
    expect(stdout).toMatch(/torn\.jsonc:\d+:\d+: /);
  });

  test("a secret in the file is a mistake, and is not repeated", async () => {
    const path = `${root}/secret.jsonc`;
    writeFileSync(path, '{ "podium": { "jwt_secret": "hush-hush-0123456789" } }');
    const { code, stdout, stderr } = await run(["config", "check", path]);
    expect(code).toBe(1);
    expect(stdout).toContain("podium.jwt_secret");
    expect(stdout + stderr).not.toContain("hush-hush");
  });
}

function layers(run: Run, root: string): void {
  test("flags beat the environment, the environment beats the file, the file beats the defaults", async () => {
    const path = `${root}/etc/layers.jsonc`;
    mkdirSync(`${root}/etc`);
    writeFileSync(
      path,
      '{ "podium": { "url": "http://127.0.0.1:1111", "timeout_ms": 1000 }, "listen": { "port": 1 } }',
    );
    const env = {
      ROXY_PODIUM_BASE_URL: "http://127.0.0.1:2222",
      PODIUM_JWT_SECRET: "hush-hush-0123456789-0123456789-0123456789",
    };
    const show = async (args: readonly string[], more: Record<string, string>) => {
      const { stdout } = await run(["config", "show", "--json", "--config", path, ...args], more);
      expect(stdout).not.toContain("hush-hush");
      return JSON.parse(stdout);
    };
    const file = await show([], {});
    expect(file.settings["podium.url"]).toMatchObject({
      value: "http://127.0.0.1:1111",
      where: expect.stringMatching(/layers\.jsonc:1:\d+/),
    });
    expect(file.settings["podium.ws_url"].value).toBe("ws://127.0.0.1:1111/ws");
    expect(file.settings["listen.host"]).toMatchObject({ value: "127.0.0.1", source: "default" });
    const environmental = await show([], env);
    expect(environmental.settings["podium.url"]).toMatchObject({ value: "http://127.0.0.1:2222" });
    expect(environmental.settings["podium.url"].where).toContain("ROXY_PODIUM_BASE_URL");
    expect(environmental.secrets["PODIUM_JWT_SECRET"]).toContain("set");
    const flag = await show(["--podium-url", "http://127.0.0.1:3333", "--port", "7"], env);
    expect(flag.settings["podium.url"]).toMatchObject({ value: "http://127.0.0.1:3333" });
    expect(flag.settings["podium.url"].where).toContain("--podium-url");
    expect(flag.settings["listen.port"].value).toBe(7);
  });
}

function interrupted(launcher: Launcher, root: string): void {
  test("Ctrl-C before the answer ends with 1 and words: what may have happened, how to go on safely", async () => {
    for (const [command, says] of [
      [["dispatch", "enqueue_story", "S-1"], /the outcome of enqueue_story S-1 is unknown.* with --key [\w-]{36}: /],
      [["halt"], /IT IS NOT KNOWN WHETHER IT HALTED: interrupted before .* Halt again: a second halt does no harm/],
    ] as const) {
      const asked = Promise.withResolvers<void>();
      const server = net.createServer((socket) => void socket.on("data", () => asked.resolve()).on("error", () => {}));
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as net.AddressInfo;
      const child = startChild([...launcher.command, ...command, "--port", String(port)], {
        cwd: root,
        env: environment(root),
      });
      await asked.promise;
      child.kill("SIGINT");
      expect(await child.ended).toEqual({ code: 1, signal: null });
      expect(child.stderr()).toMatch(says);
      server.close();
    }
  });
}
