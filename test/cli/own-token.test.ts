import { describe, expect, test } from "bun:test";
import { rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { runtime } from "#runtime";
import { ownTokens } from "../../src/cli/own-token.ts";
import { runHere } from "./in-process.ts";
import { newRoot, useScriptedStage } from "./stage.ts";

const token = "this-users-own-token";
const elsewhere = newRoot();
const tokenFile = path.join(elsewhere, "tokens");
writeFileSync(tokenFile, `mark admin sha256:${runtime.sha256(token)}\n`, { mode: 0o600 });

function write(folder: string, name: string, text: string): string {
  const file = path.join(folder, name);
  writeFileSync(file, text, { mode: 0o600 });
  return file;
}

describe("a gateway that wants a token, and a user whose configuration names none", () => {
  const stage = useScriptedStage({ "auth.token_file": tokenFile });
  const jobOf = (json: string): string => (JSON.parse(json) as { job_id: string }).job_id;

  test("what a refusal advises works, for every command and for a halt above all", async () => {
    for (const words of [["status"], ["jobs"], ["watch"], ["halt"]]) {
      const { code, stderr } = await stage.run(...words);
      expect(code).toBe(1);
      expect(stderr).toContain(`Put this user's own token into ${stage.gateway.root}/secret.token (mode 600)`);
    }
    const file = write(stage.gateway.root, "secret.token", `${token}\n`);
    expect((await stage.run("status")).code).toBe(0);
    expect((await stage.run("halt")).stdout).toStartWith("Halted.");
    const dispatched = await stage.run("dispatch", "enqueue_story", "T-1", "--json");
    expect(dispatched.code).toBe(0);
    expect(stage.podium.commands).toHaveLength(2);
    const watch = stage.start("watch", jobOf(dispatched.stdout), "--json");
    await watch.line((line) => line.includes("GATEWAY_STATUS") || undefined, "the stream is open");
    watch.kill("SIGTERM");
    await watch.ended;
    rmSync(file);
  });

  test("a halt sends it although the configuration has mistakes", async () => {
    const files = [
      write(stage.gateway.root, "secret.token", token),
      write(stage.gateway.root, "roxy-core.jsonc", "{,"),
    ];
    const { code, stdout } = await stage.run("halt");
    for (const file of files) rmSync(file);
    expect({ code, stdout }).toMatchObject({ code: 0, stdout: expect.stringMatching(/^Halted\./) });
  });

  test("it is tried after one in auth.token_file that is not let in", async () => {
    const other = write(stage.gateway.root, "other", "another-gateways-token");
    const file = write(stage.gateway.root, "secret.token", token);
    const { code } = await stage.run("status", "--set", `auth.token_file=${other}`);
    rmSync(file);
    expect(code).toBe(0);
  });
});

describe("who is shown a token", () => {
  const root = newRoot();
  write(root, "secret.token", token);
  const auth = `"auth": ${JSON.stringify({ token_file: tokenFile })}`;

  /** What a server that answers so is shown by `jobs`, request by request. PORT stands for its port. */
  async function shownTo(answer: () => Response, config: string, ...words: string[]): Promise<(string | null)[]> {
    const shown: (string | null)[] = [];
    const server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch(request) {
        shown.push(request.headers.get("x-roxy-token"));
        return answer();
      },
    });
    const here = (text: string): string => text.replace("PORT", `${server.port}`);
    write(root, "roxy-core.jsonc", here(config));
    const { code } = await runHere({ HOME: root, ROXY_ROOT: root }, ["jobs", ...words.map(here)]);
    await server.stop(true);
    expect(code).not.toBe(0);
    return shown;
  }

  test.each([
    ["a page", () => new Response("<h1>hello</h1>")],
    ["a refusal in other words", () => new Response("<h1>Log in</h1>", { status: 401 })],
    ["a refusal that is like ours", () => Response.json({ code: "unauthorized" }, { status: 401 })],
    ["a redirection", () => Response.redirect("http://127.0.0.1:1/", 302)],
  ])("a stranger who answers with %s is shown none, wherever one is set", async (_, answer) => {
    for (const config of ["{}", `{${auth}}`]) {
      for (const words of ["--url http://127.0.0.1:PORT", "--port PORT", "--set listen.port=PORT"]) {
        expect(await shownTo(answer, config, ...words.split(" "))).toEqual([null]);
      }
    }
  });

  test("who asks in our words is shown it when asked, and the configuration's own server at once", async () => {
    const asks = (): Response =>
      Response.json({ success: false, code: "unauthorized", detail: "A valid token is needed" }, { status: 401 });
    for (const config of ["{}", `{${auth}}`]) {
      expect(await shownTo(asks, config, "--url", "http://127.0.0.1:PORT")).toEqual([null, token]);
    }
    expect(await shownTo(asks, '{"listen": {"port": PORT}}')).toEqual([null, token]);
    expect(await shownTo(asks, `{"listen": {"port": PORT}, ${auth}}`)).toEqual([token]);
  });
});

test("a file in auth.token_file that can't be read is told only where there is no other token", () => {
  const root = newRoot();
  expect(ownTokens(runtime, root, elsewhere)).toMatchObject({
    tokens: [],
    warnings: [expect.stringContaining(`Cannot read ${elsewhere} (auth.token_file), so no token is sent: `)],
    tokenFix: expect.stringContaining(
      `Let this user read ${elsewhere}, or run as the user that it belongs to; or put `,
    ),
  });
  write(root, "secret.token", token);
  expect(ownTokens(runtime, root, elsewhere)).toMatchObject({ tokens: [token], warnings: [] });
});
