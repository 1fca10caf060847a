import { expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { freePort } from "../e2e/free-port.ts";
import { call } from "../e2e/http-client.ts";
import { run } from "../e2e/child.ts";
import { environment, repository } from "../e2e/launcher.ts";
import { dispatchCall } from "../e2e/scene.ts";
import { eventually, patienceMs } from "../e2e/watch.ts";
import { commandLine, newRoot } from "./stage.ts";
import type { Terminal } from "./terminal.ts";
import { ctrlC } from "./terminal.ts";

setDefaultTimeout(3 * patienceMs);
const root = newRoot();
const alone = commandLine(environment(root));
const users = { PODIUM_JWT_SECRET: "users", PODIUM_JWT_SECRET_PREVIOUS: "users", CREDENTIALS_DIRECTORY: "/users" };
const withSecrets = commandLine({ ...environment(root), ...users, ROXY_PODIUM_TOKEN: "users" });

async function startDemo(name: string): Promise<{ demo: Terminal; url: string; screen: string; end(): Promise<void> }> {
  const [port, podiumPort] = [await freePort(), await freePort()];
  const demo = withSecrets.terminal(
    "demo",
    "--dir",
    `${root}/${name}`,
    "--port",
    `${port}`,
    "--podium-port",
    `${podiumPort}`,
  );
  const screen = await demo.shows("Ctrl-C stops both");
  const end = async (): Promise<void> => {
    demo.type(ctrlC);
    expect((await demo.ended).code).toBe(0);
  };
  return { demo, url: /roxy-core is open at (\S+),/.exec(screen)![1]!, screen, end };
}

/** proc_pid_environ(5) of the one process that has this demo's folder among its words. */
function environmentOfLuno(name: string): string {
  const words = `\0--dir\0${root}/${name}/luno\0`;
  const read = (pid: string, what: string): string => {
    try {
      return readFileSync(`/proc/${pid}/${what}`, "utf8");
    } catch {
      return "";
    }
  };
  const pid = readdirSync("/proc").find((one) => /^\d+$/.test(one) && read(one, "cmdline").includes(words));
  return read(pid!, "environ");
}

test("the orchestrator has none of the user's secrets, and on a terminal a log as readable as the gateway's", async () => {
  const { demo, end } = await startDemo("seen");
  const names = environmentOfLuno("seen").match(/(?:PODIUM_|ROXY_PODIUM_|CREDENTIALS_)\w+=(?:.?users)?/g);
  expect(names).toEqual(["PODIUM_JWT_SECRET="]);
  await demo.shows(/^luno │ \d\d:\d\d:\d\d\.\d{3} info +luno_started .*url=http/m);
  await end();
  expect(demo.screen()).toMatch(/^\d\d:\d\d:\d\d\.\d{3} info +listening /m);
  expect(demo.screen()).not.toContain("│ {");
});

test("a story that is done can be begun again in the way that the welcome says", async () => {
  mkdirSync(`${root}/again`, { mode: 0o700, recursive: true });
  writeFileSync(`${root}/again/roxy-core.jsonc`, '{ "limits": { "story_cooldown_s": 0 } }', { mode: 0o600 });
  const first = await startDemo("again");
  const [, file] = /stop the demo, remove (\S+) and start it/.exec(first.screen)!;
  const enqueue = { action: "enqueue_story", payload: { story_id: "STORY-001" } };
  const { json } = await call(first.url, dispatchCall(enqueue));
  await eventually(async () => {
    const { json: job } = await call(first.url, { path: `/api/orchestrator/status/${json.job_id}` });
    return job.podium_status === "done" || undefined;
  }, "the story is done");
  await first.end();
  rmSync(file!);
  const second = await startDemo("again");
  expect((await call(second.url, dispatchCall(enqueue))).status).toBe(200);
  await second.end();
});

/** The code blocks of a part of the README, as they would be copied from there to this demo. */
function examplesOf(part: string, url: string): string[] {
  const text = readFileSync(`${repository}/README.md`, "utf8").split(`\n## ${part}\n`)[1]!.split("\n## ")[0]!;
  return [...text.matchAll(/```sh\n([\s\S]*?)```/g)].map(([, code]) => code!.replaceAll("http://127.0.0.1:8000", url));
}

test("the README's dispatches do what is said there, one after the other, in a demo that has run its own", async () => {
  const { url, screen, end } = await startDemo("readme");
  const sh = async (code: string): Promise<string> => (await run(["/bin/sh", "-c", code], { env: alone.env })).stdout;
  const own = /^ *(curl [\s\S]*?)\n\n/m.exec(screen)![1]!;
  const [api] = examplesOf("The API by example", url);
  for (const curl of [own, api!]) expect(JSON.parse(await sh(curl))).toMatchObject({ success: true, status: "queued" });
  const [commands] = examplesOf("Command line", url);
  const [, words] = /^roxy-core (dispatch .*?) +#/m.exec(commands!)!;
  expect((await alone.run(...words!.split(" "), "--url", url)).code).toBe(0);
  const [plan] = examplesOf("SKOREQ plans", url);
  const [define, prepare, apply, enqueue] = plan!.split("\n").map((line) => line.replace(/ +#.*$/, ""));
  const staged = await sh(`${define}\n${prepare}`);
  const { nonce } = (JSON.parse(staged) as { podium_result: { nonce: string } }).podium_result;
  const rest = await sh(`${define}\n${apply!.replace("<the nonce>", nonce)}\n${enqueue}`);
  expect(rest.match(/"success":true,"job_id"/g)).toHaveLength(2);
  await end();
});
