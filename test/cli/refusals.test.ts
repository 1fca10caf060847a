import { describe, expect, test } from "bun:test";
import { chmodSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import { unreachable } from "../../src/cli/api.ts";
import { haltCommand } from "../../src/cli/halt.ts";
import type { Given } from "../../src/cli/options.ts";
import type { ServerAddress } from "../../src/cli/server-address.ts";
import { serverAddress, urlOf } from "../../src/cli/server-address.ts";
import { ExchangeError } from "../../src/runtime/types.ts";
import { freePort } from "../e2e/free-port.ts";
import { environment } from "../e2e/launcher.ts";
import { reply } from "../e2e/podium-stub.ts";
import { eventually } from "../e2e/watch.ts";
import { runHere } from "./in-process.ts";
import { commandLine, newRoot, useScriptedStage } from "./stage.ts";

const root = newRoot();
const alone = commandLine(environment(root));
const here = (...words: string[]): ReturnType<typeof runHere> => runHere(alone.env, words);

describe("no gateway: exit code 3, and what to try", () => {
  test.each(["status", "status JOB-20260109-001", "jobs", "watch", "watch JOB-20260109-001"])("%s", async (line) => {
    const words = line.split(" ");
    const { code, stdout, stderr } = await here(...words, "--port", String(await freePort()));
    expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
    expect(stderr).toMatch(
      /^roxy-core: Cannot reach roxy-core at http:\/\/127\.0\.0\.1:\d+\. Start it with roxy-core serve/,
    );
  });

  test("what else is in the way is said, with what to do about that", async () => {
    const words = ["status", "--url", "http://no-such-host.invalid:8000"];
    const { code, stderr } = await here(...words);
    expect(code).toBe(3);
    expect(stderr).toMatch(/at http:\/\/no-such-host\.invalid:8000\. Cannot connect \(\w+\)\. That host's name/);
    const { stdout } = await here("doctor", ...words.slice(1));
    expect(stdout).toMatch(/Cannot reach http:\S+: Cannot connect \(\w+\)\n +Fix: That host's name leads nowhere/);
    const saidOf = (why: string): string =>
      unreachable("unix:/s", new ExchangeError("unreachable", false, `Cannot connect (${why})`)).message;
    expect(saidOf("EACCES")).toBe(
      "Cannot reach roxy-core at unix:/s. Cannot connect (EACCES). " +
        "Ask as a user that has the right, such as the one that the gateway runs as",
    );
    expect(saidOf("ENOENT")).toStartWith("Cannot reach roxy-core at unix:/s. Start it");
    expect(saidOf("EHOSTUNREACH")).toStartWith(
      "Cannot reach roxy-core at unix:/s. Cannot connect (EHOSTUNREACH). Start",
    );
  });

  test("dispatch, with and without --watch", async () => {
    const port = String(await freePort());
    for (const more of [[], ["--watch"]]) {
      const { code, stderr } = await here("dispatch", "enqueue_story", "S-1", "--port", port, ...more);
      expect(code).toBe(3);
      expect(stderr).toContain("Cannot reach roxy-core");
    }
  });

  test("halt shouts that nothing was halted", async () => {
    const { code, stderr } = await alone.run("halt", "--port", String(await freePort()));
    expect(code).toBe(3);
    expect(stderr).toStartWith("roxy-core: NOT HALTED: cannot reach");
  });

  test("somebody else on the port is told apart from nobody", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("<h1>hello</h1>") });
    const url = `127.0.0.1:${server.port}`;
    for (const words of [["status"], ["jobs"], ["watch"], ["dispatch", "halt"]]) {
      const { code, stderr } = await here(...words, "--url", url);
      expect(code).toBe(3);
      expect(stderr).toContain("is it roxy-core that listens there?");
    }
    await server.stop(true);
  });

  test.each(["", '{"ok":true}'])("a dispatch that a server answers with a bare 400 %j may have run", async (body) => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(body, { status: 400 }) });
    const words = ["dispatch", "enqueue_story", "S-1", "--key", "k-1", "--port", String(server.port)];
    const { code, stderr } = await here(...words);
    await server.stop(true);
    expect(code).toBe(3);
    expect(stderr).toMatch(
      / answered 400 .*If it is, the outcome is unknown\. Repeat the same command with --key k-1:/,
    );
  });
});

describe("wrong usage: exit code 2, and the way to the help", () => {
  test.each([
    [["dispatch"], "ACTION is missing"],
    [["dispatch", "enqueue_stroy", "X"], "nearest: enqueue_story"],
    [["dispatch", "enqueue_story"], "ID is missing: name the story"],
    [["dispatch", "STORY-001"], "The action is missing: roxy-core dispatch enqueue_story STORY-001"],
    [["dispatch", "halt", "X"], "halt takes no ID"],
    [["dispatch", "enqueue_story", "../etc"], "ID: Expected 1 to 128 letters"],
    [["dispatch", "enqueue_story", "X", "--nonce", "1"], "--nonce does not go with this action"],
    [["dispatch", "apply_plan", "X"], "--nonce is missing"],
    [["dispatch", "enqueue_story", "X", "--option", "a"], "--option needs KEY=VALUE"],
    [["dispatch", "enqueue_story", "X", "--option", "a=1", "--option", "a=2"], "--option a stands twice"],
    [["dispatch", "enqueue_story", "X", "--option", "__proto__=1"], "--option __proto__: This key is not allowed"],
    [["dispatch", "enqueue_story", "X", "--option", "storyId=Y"], "--option storyId: This name is reserved"],
    [["dispatch", "enqueue_story", "X", "--key", "a b"], "--key needs"],
    [["dispatch", "enqueue_story", "X", "--user", ""], "--user: Expected at least one character"],
    [["status", "STORY-001"], "is no job id"],
    [["status", "A", "B"], "Unexpected argument B"],
    [["jobs", "--limit", "0"], "--limit:"],
    [["jobs", "--day", "yesterday"], "--day: Expected a day"],
    [["jobs", "--action", "fly"], "--action:"],
    [["status", "--url", "ftp://x"], "--url needs"],
    [["status", "--url", "http://me:secret@x"], "--url takes no user name"],
    [["status", "--port", "0"], "name the server with --url"],
    [["status", "--jsno"], "nearest: --json"],
    [["completion"], "SHELL is missing"],
    [["completion", "tcsh"], "bash, zsh or fish"],
    [["dispathc"], "Did you mean dispatch?"],
  ])("%j", async (words, says) => {
    const { code, stdout, stderr } = await here(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
    expect(stderr).toMatch(/See roxy-core .*--help\n$/);
  });
});

test("options that are too long are blamed on --option", async () => {
  const { code, stderr } = await here("dispatch", "enqueue_story", "X", "--option", `a=${"x".repeat(5000)}`);
  expect(code).toBe(2);
  expect(stderr).toStartWith("roxy-core: --option: Expected at most");
});

describe("a configuration with mistakes", () => {
  const file = path.join(root, "bad.jsonc");
  writeFileSync(file, '{ "listen": { "prot": 1 } }');
  const given = [{ name: "config", value: file }];
  const ask = (more: readonly Given[], regardless: boolean): ServerAddress =>
    serverAddress(
      { files: runtime.files, process: { ...runtime.process, env: alone.env } },
      haltCommand,
      [...given, ...more],
      { regardless },
    );

  test("stops a command that needs it, and never a halt, which then goes by the flags, else to the default address", () => {
    expect(() => ask([], false)).toThrow("listen.prot: Unknown key");
    expect(ask([{ name: "port", value: "81" }], true).url).toBe("http://127.0.0.1:81");
    const guess = "http://127.0.0.1:8000 is a guess: --url names the gateway";
    expect(ask([], true)).toMatchObject({
      url: "http://127.0.0.1:8000",
      isGuess: true,
      warnings: [expect.stringContaining("prot"), guess],
    });
  });

  test("keeps the token of its own server, and shows it to no guess and no server that is named", () => {
    const slipped = path.join(root, "slipped.jsonc");
    writeFileSync(path.join(root, "bare.txt"), "rx_0123456789abcdef0123456789abcdef", { mode: 0o600 });
    const tokensIn = (listen: string, ...more: Given[]): ServerAddress["tokens"] => {
      writeFileSync(slipped, `{ "auth": { "token_file": "bare.txt" }, "x": 1, ${listen} }`);
      return ask([{ name: "config", value: slipped }, ...more], true).tokens;
    };
    const own = [undefined, "rx_0123456789abcdef0123456789abcdef"];
    expect(tokensIn('"listen": { "port": 81 }')).toEqual(own);
    expect(tokensIn('"Listen": { "port": 81 }')).toEqual([undefined]);
    expect(tokensIn('"listen": { "port": 81 }', { name: "url", value: "box:9" })).toEqual([undefined]);
    expect(tokensIn('"listen": { "port": 81 }', { name: "port", value: "82" })).toEqual([undefined]);
  });

  test("hides its server where the root is the mistake", () => {
    const env = { ...alone.env, ROXY_ROOT: `${root}\n` };
    const process = { ...runtime.process, env };
    const address = serverAddress({ files: runtime.files, process }, haltCommand, [], { regardless: true });
    expect(address).toMatchObject({ url: "http://127.0.0.1:8000", isGuess: true });
  });

  test("does not matter where --url says whom to ask", () => {
    expect(ask([{ name: "url", value: "box:9" }], false).url).toBe("http://box:9");
  });
});

test.each([
  ["0.0.0.0", "http://127.0.0.1:81"],
  ["::", "http://[::1]:81"],
  ["[::1]", "http://[::1]:81"],
  ["fe80::2", "http://[fe80::2]:81"],
  ["box.local", "http://box.local:81"],
])("a server that listens on %s is reached at %s", (host, url) => {
  expect(urlOf({ host, port: 81, tcp: true, allowed_hosts: [], allowed_origins: [] })).toBe(url);
});

describe("what the server refuses", () => {
  const stage = useScriptedStage();

  test("an unknown job: exit code 1", async () => {
    const { code, stderr } = await stage.run("status", "JOB-20200101-001");
    expect(code).toBe(1);
    expect(stderr).toContain("(not_found)");
    expect((await stage.run("watch", "JOB-20200101-001")).code).toBe(1);
  });

  test("an unknown outcome names the key to repeat with", async () => {
    stage.podium.next(reply.text("broken", 200));
    const { code, stderr } = await stage.run("dispatch", "enqueue_story", "U-1", "--key", "key-1");
    expect(code).toBe(1);
    expect(stderr).toContain("The outcome is unknown. Repeat the same command with --key key-1");
  });

  test("a story that is quicker than its own answer loses no step under --watch", async () => {
    stage.podium.reset();
    await stage.podium.telemetry();
    const steps = ["queued", "in_progress", "done"];
    stage.podium.next((socket, seen) => {
      for (const status of steps) stage.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "Q-1", status }));
      return eventually(async () => {
        const { jobs } = await stage.get("/api/orchestrator/jobs?story=Q-1");
        return jobs[0].podium_status === "done" || undefined;
      }, "the gateway knows the end").then(() => reply.text('{"success":true}')(socket, seen));
    });
    const { code, stdout } = await stage.run("dispatch", "enqueue_story", "Q-1", "--watch");
    expect(code).toBe(0);
    expect([...stdout.matchAll(/Z {2}Q-1 (\w+)/g)].map(([, step]) => step)).toEqual(steps);
  });

  test("options reach Podium as what they look like", async () => {
    stage.podium.reset();
    const options = ["--option", "dry=true", "--option", "n=-3", "--option", 't="7"', "--option", "w=a=b"];
    expect((await stage.run("dispatch", "enqueue_story", "O-1", ...options)).code).toBe(0);
    expect(JSON.parse(stage.podium.commands[0]!.body)).toMatchObject({ dry: true, n: -3, t: "7", w: "a=b" });
  });

  test("status does not wait for a gateway that hangs, and does not say that nobody listens", async () => {
    stage.gateway.child.kill("SIGSTOP");
    try {
      const { code, stdout, stderr } = await stage.run("status");
      expect({ code, stdout }).toEqual({ code: 3, stdout: "" });
      expect(stderr).toMatch(/^roxy-core: http:\S+ takes connections but does not answer \(No answer within 5000 ms\)/);
    } finally {
      stage.gateway.child.kill("SIGCONT");
    }
  });

  test("Podium away: exit code 3, and what the gateway knows of itself is still shown", async () => {
    await stage.podium.down();
    const { code, stdout, stderr } = await stage.run("status");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^gateway {4}http:\/\/127/);
    expect(stderr).toContain("(podium_unreachable)");
    expect((await stage.run("dispatch", "enqueue_story", "A-1")).code).toBe(3);
    const { stdout: asJson } = await stage.run("status", "--json");
    expect(JSON.parse(asJson)).toMatchObject({ success: false, code: "podium_unreachable", gateway: { audit: {} } });
    await stage.podium.up();
  });
});

describe("a Podium that hangs", () => {
  const stage = useScriptedStage({ "podium.timeout_ms": "300" });

  test("can't be asked: exit code 3 like one that is away, with what the gateway knows of itself", async () => {
    stage.podium.status = () => new Promise<undefined>(() => {});
    const { code, stdout, stderr } = await stage.run("status");
    expect(code).toBe(3);
    expect(stdout).toMatch(/^gateway {4}http:\/\/127/);
    expect(stderr).toMatch(/roxy-core doctor looks at Podium \(podium_timeout\)/);
    const { code: again, stdout: json } = await stage.run("status", "--json");
    expect([again, JSON.parse(json).code]).toEqual([3, "podium_timeout"]);
  });
});

describe("a gateway that wants a token", () => {
  const stage = useScriptedStage({ "auth.token_file": tokenFile("right", "0123456789abcdef") });

  test("is refused without one, with what to do, and content with it", async () => {
    const without = await stage.run("status");
    expect(without.code).toBe(1);
    expect(without.stderr).toContain(`Put this user's own token into ${stage.gateway.root}/secret.token`);
    expect(without.stderr).not.toContain("0123456789abcdef");
    const file = tokenFile("right", "0123456789abcdef");
    expect((await stage.run("status", "--set", `auth.token_file=${file}`)).code).toBe(0);
    expect((await stage.run("dispatch", "enqueue_story", "T-1", "--set", `auth.token_file=${file}`)).code).toBe(0);
  });
});

function tokenFile(name: string, token: string): string {
  const file = path.join(root, name);
  writeFileSync(file, `${token}\n`);
  chmodSync(file, 0o600);
  return file;
}
