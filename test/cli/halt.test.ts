import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import net from "node:net";
import path from "node:path";
import { runtime } from "#runtime";
import { createApi } from "../../src/cli/api.ts";
import { haltLimits, sendHalt } from "../../src/cli/halt.ts";
import { reply } from "../e2e/podium-stub.ts";
import { runHere } from "./in-process.ts";
import { newRoot, useScriptedStage } from "./stage.ts";

const never = { asked: false, whenAsked: new Promise<void>(() => {}) };

describe("halt to a gateway that hangs", () => {
  test("is tried again, with a line each time, and ends within its limit", async () => {
    // Takes connections, and reads nothing.
    const server = net.createServer((socket) => void socket.pause());
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as net.AddressInfo;
    const api = createApi(runtime, { url: `http://127.0.0.1:${port}`, warnings: [] });
    const lines: string[] = [];
    const failure = await sendHalt(
      api,
      { action: "halt" },
      { stop: never, tell: (line) => lines.push(line) },
      {
        tryMs: 100,
        totalMs: 150,
      },
    ).catch((error: unknown) => error);
    server.close();
    expect(String(failure)).toMatch(/IT IS NOT KNOWN WHETHER IT HALTED: no answer from.*Halt again.*own process/);
    expect(lines).toEqual([expect.stringMatching(/^No answer to the halt yet .*: sending it again$/)]);
  });

  test("a person with a finger on the plug waits no longer than 20 s, and hears something by half of it", () => {
    expect(haltLimits).toEqual({ tryMs: 10_000, totalMs: 20_000 });
  });
});

test.each([
  [501, "<h1>Unsupported method</h1>", "answered 501 with something that is not JSON"],
  [200, '{"ok":true}', "answered 200 in words that are not ours"],
])(
  "halt to another program that answers %p %p tells that nothing is known to be halted",
  async (status, body, says) => {
    const other = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response(body, { status }) });
    const home = newRoot();
    const { code, stderr } = await runHere({ HOME: home, ROXY_ROOT: home }, ["halt", "--port", `${other.port}`]);
    await other.stop(true);
    expect(code).toBe(3);
    expect(stderr).toStartWith("roxy-core: IT IS NOT KNOWN WHETHER IT HALTED: ");
    expect(stderr).toContain(`${says}: is it roxy-core that listens there?`);
    expect(stderr).toEndWith("stop the orchestrator's own process\n");
  },
);

describe("halt to a Podium", () => {
  const stage = useScriptedStage({ "podium.timeout_ms": "300" });

  test("that hangs: repeating it does no harm, and no key is spoken of", async () => {
    stage.podium.next(() => new Promise<undefined>(() => {}));
    const { code, stdout, stderr } = await stage.run("halt");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(/^roxy-core: IT IS NOT KNOWN WHETHER IT HALTED: .*Halt again: a second halt does no harm/);
    expect(stderr).not.toMatch(/key/i);
  });

  test("that halts: how work goes on is said, by the command and by its help", async () => {
    const goesOn = /its command START_ORCHESTRATOR, sent to Podium by whoever\s+runs it, not through roxy-core\.\n/;
    expect((await stage.run("halt")).stdout).toMatch(goesOn);
    expect((await stage.run("halt", "--help")).stdout).toMatch(goesOn);
    expect(JSON.parse((await stage.run("halt", "--json")).stdout)).toMatchObject({ success: true });
  });

  test("by a configuration with mistakes: told who halted, and no success where that may be a stranger", async () => {
    const file = path.join(stage.gateway.root, "roxy-core.jsonc");
    const env = { HOME: stage.gateway.root, ROXY_ROOT: stage.gateway.root };
    const halt = async (end: string): Promise<{ code: number; stdout: string; stderr: string }> => {
      writeFileSync(file, `{"listen": {"port": ${stage.gateway.port}}${end}`, { mode: 0o600 });
      return runHere(env, ["halt"]);
    };
    const known = await halt(', "podium": {"timeout": 1}}');
    const guessed = await halt(', "podium": {}');
    rmSync(file);
    expect([known.code, guessed.code]).toEqual([0, 1]);
    for (const { stdout } of [known, guessed]) {
      expect(stdout).toMatch(new RegExp(`^Halted\\.[^]*\ngateway  ${stage.gateway.baseUrl}\n`));
    }
    expect(guessed.stderr).toContain(`Warning: ${stage.gateway.baseUrl} is a guess: --url names the gateway\n`);
    expect(guessed.stderr).toMatch(/\nroxy-core: IT IS NOT KNOWN WHETHER YOUR GATEWAY HALTED: .*--url\n$/);
  });

  test("that refuses: nothing was halted, and no key is spoken of", async () => {
    stage.podium.next(reply.text('{"success":false,"error":"no brakes"}'));
    const { code, stderr } = await stage.run("halt");
    expect(code).toBe(1);
    expect(stderr).toMatch(/^roxy-core: NOT HALTED: .*no brakes.*Halt again.*own process/);
    expect(stderr).not.toMatch(/Idempotency-Key/);
  });
});
