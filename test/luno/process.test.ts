import { afterEach, expect, test } from "bun:test";
import fs from "node:fs";
import path from "node:path";
import { atEnd, folderWith, openStream, temporaryFolder, endAll } from "./luno-under-test.ts";

afterEach(endAll);

const script = path.join(import.meta.dir, "run-luno.ts");
const denoPath = path.resolve(import.meta.dir, "../../node_modules/@deno/linux-x64-glibc/deno");
const launchers: [string, string[]][] = [["bun", [process.execPath, script]]];
if (fs.existsSync(denoPath)) launchers.push(["deno", [denoPath, "run", "-A", script]]);

function launch(launcher: string[], args: string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([...launcher, ...args], { env: { ...process.env, ...env }, stderr: "pipe", stdout: "pipe" });
  atEnd(() => child.kill("SIGKILL"));
  return child;
}

/** The port in the start line. Reads on behind it: a reader that goes away breaks the pipe. */
function startedPort(child: ReturnType<typeof launch>): Promise<number> {
  return new Promise((resolve, reject) => {
    const read = async (): Promise<string> => {
      let text = "";
      for await (const chunk of child.stderr) {
        text += new TextDecoder().decode(chunk);
        const line = /"event":"luno_started","name":"roxy-core luno, a stand-in for Podium","url":"[^"]*:(\d+)"/.exec(
          text,
        );
        if (line) resolve(Number(line[1]));
      }
      return text;
    };
    void read().then((all) => reject(new Error(`luno ended before it had started: ${all}`)));
  });
}

const post = async (port: number, body: object): Promise<void> => {
  const answer = await fetch(`http://127.0.0.1:${port}/api/command`, { method: "POST", body: JSON.stringify(body) });
  expect(await answer.json()).toMatchObject({ success: true });
};
const storyA = { storyId: "A", command: ["sh", "-c", "echo pid $$; exec sleep 60"] };

test.each(launchers)(
  "under %s: runs a story, and SIGTERM ends it with its children and exit code 0",
  async (_n, launcher) => {
    const child = launch(launcher, ["--port", "0", "--dir", folderWith([storyA])]);
    const port = await startedPort(child);
    const stream = await openStream(port);
    await post(port, { type: "ENQUEUE_STORY", storyId: "A" });
    const { line } = await stream.until((f) => String(f["line"]).startsWith("pid"));
    child.kill("SIGTERM");
    expect(await child.exited).toBe(0);
    expect(() => process.kill(Number(String(line).slice(4)), 0)).toThrow("ESRCH");
  },
);

test.each(launchers)(
  "under %s: a story that ran when luno was killed is failed at the next start",
  async (_n, launcher) => {
    const folder = folderWith([{ ...storyA, command: ["sh", "-c", "echo x >> ran.txt; echo pid $$; exec sleep 60"] }]);
    const first = launch(launcher, ["--port", "0", "--dir", folder]);
    const port = await startedPort(first);
    const stream = await openStream(port);
    await post(port, { type: "ENQUEUE_STORY", storyId: "A" });
    const { line } = await stream.until((f) => String(f["line"]).startsWith("pid"));
    atEnd(() => process.kill(Number(String(line).slice(4)), "SIGKILL"));
    first.kill("SIGKILL");
    await first.exited;
    const second = launch(launcher, ["--port", "0", "--dir", folder]);
    const answer = await fetch(`http://127.0.0.1:${await startedPort(second)}/api/status`);
    expect(await answer.json()).toMatchObject({ stories: [{ storyId: "A", status: "failed", runs: 1 }], queue: [] });
    expect(fs.readFileSync(path.join(folder, "ran.txt"), "utf8")).toBe("x\n");
  },
);

const [, bun] = launchers[0]!;

test("the folder is $ROXY_ROOT/luno unless said otherwise, and the secret comes from the environment", async () => {
  const root = temporaryFolder();
  const child = launch(bun, ["--port", "0"], { ROXY_ROOT: root, PODIUM_JWT_SECRET: "x".repeat(32) });
  const port = await startedPort(child);
  expect(fs.existsSync(path.join(root, "luno", "catalogue.json"))).toBe(true);
  expect((await fetch(`http://127.0.0.1:${port}/api/status`)).status).toBe(401);
});

test.each([
  [["--port", "http"], 2, "--port needs a whole number from 0 to 65535"],
  [["--agents", "0"], 2, "--agents needs a whole number from 1 to 16"],
  [["--prot", "1"], 2, "Unknown option --prot (nearest: --port)"],
  [["--dir", "/proc/nowhere"], 1, "Cannot start luno: its folder /proc/nowhere can't be used"],
])("%p ends with exit code %d and the reason", async (args, code, words) => {
  const child = launch(bun, args);
  expect(await child.exited).toBe(code);
  expect(await new Response(child.stderr).text()).toContain(words);
});

test("--help explains itself", async () => {
  const child = launch(bun, ["--help"]);
  expect(await child.exited).toBe(0);
  expect(await new Response(child.stdout).text()).toContain("a stand-in for Podium");
});
