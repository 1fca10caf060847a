import { describe, expect, test } from "bun:test";
import path from "node:path";
import { useStage } from "./stage.ts";

const fast = ["true"];
const stage = useStage([
  { storyId: "DONE-1", command: fast },
  { storyId: "DONE-2", command: fast },
  { storyId: "DONE-3", command: fast },
  { storyId: "DONE-4", command: fast },
  { storyId: "DONE-5", command: fast },
  { storyId: "FAIL-1", command: ["sh", "-c", "exit 3"] },
  { storyId: "FAIL-2", command: ["sh", "-c", "exit 3"] },
  { storyId: "LONG-1", command: ["sleep", "600"] },
  { storyId: "LONG-2", command: ["sleep", "600"] },
  { storyId: "OLD-1", status: "done" },
]);
const jobIn = (text: string): string => /JOB-\d{8}-\d{3,}/.exec(text)?.[0] ?? "no job id";

describe("dispatch in a pipe", () => {
  test("says what was done, and records who asked", async () => {
    const { code, stdout, stderr } = await stage.run("dispatch", "enqueue_story", "DONE-1");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toMatch(
      /^job {6}JOB-\d{8}-\d{3}\naction {3}enqueue_story DONE-1\nstatus {3}queued\naudit {4}AUD-\w{26}\n/,
    );
    const job = await stage.get(`/api/orchestrator/status/${jobIn(stdout)}`);
    expect(job).toMatchObject({ story_id: "DONE-1", source: "cli", user_id: "mark" });
  });

  test("--json prints the server's answer on one line", async () => {
    const { code, stdout } = await stage.run(
      "dispatch",
      "enqueue_story",
      "DONE-2",
      "--json",
      "--source",
      "test",
      "--user",
      "ana",
    );
    expect(code).toBe(0);
    expect(stdout.split("\n")).toHaveLength(2);
    const answer = JSON.parse(stdout);
    expect(Object.keys(answer).toSorted()).toEqual(
      ["audit_id", "job_id", "podium_result", "receipt", "status", "stream_url", "success"].toSorted(),
    );
    expect(await stage.get(`/api/orchestrator/status/${answer.job_id}`)).toMatchObject({
      source: "test",
      user_id: "ana",
    });
  });

  test("a story id with spaces around it just works, and so do dashes in the action", async () => {
    const { code, stdout } = await stage.run("dispatch", " Enqueue-Story ", " \u00a0DONE-3\u200b\n", "--json");
    expect(code).toBe(0);
    expect(JSON.parse(stdout).podium_result.storyId).toBe("DONE-3");
  });

  test("a refusal is exit code 1 with Podium's own words; with --json the problem document too", async () => {
    const { code, stdout, stderr } = await stage.run("dispatch", "enqueue_story", "OLD-1");
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(
      /^roxy-core: Podium refused: Cannot enqueue OLD-1: .*Nothing was executed \(podium_rejected\)/,
    );
    const asJson = await stage.run("dispatch", "enqueue_story", "OLD-1", "--json");
    expect(asJson.code).toBe(1);
    expect(JSON.parse(asJson.stdout)).toMatchObject({ success: false, code: "podium_rejected", retry: "safe" });
  });

  test("the same --key never runs twice", async () => {
    const words = ["dispatch", "enqueue_story", "DONE-4", "--key", "once-1", "--json"];
    const [first, second] = [await stage.run(...words), await stage.run(...words)];
    expect([first.code, second.code]).toEqual([0, 0]);
    expect(JSON.parse(second.stdout).job_id).toBe(JSON.parse(first.stdout).job_id);
  });

  test("a plan in its steps, each saying the next; --watch follows the plan to its end", async () => {
    const staged = await stage.run("dispatch", "prepare_apply", "SKOREQ-XXX");
    expect(staged.stdout).toContain('"storyId": "SKOREQ-XXX-EPIC-001-STORY-001"');
    const next = /^next +roxy-core (dispatch apply_plan SKOREQ-XXX --nonce=\S+)$/m.exec(staged.stdout)?.[1] ?? "";
    const applied = await stage.run(...next.split(" "));
    expect(applied.stdout).toContain("next     roxy-core dispatch enqueue_plan SKOREQ-XXX\n");
    const { code, stdout } = await stage.run("dispatch", "enqueue_plan", "SKOREQ-XXX", "--watch");
    expect(code).toBe(0);
    expect(stdout.match(/STORY-00\d in_progress → done/g)).toHaveLength(4);
    expect(stdout).toMatch(/\(enqueue_plan SKOREQ-XXX\): done\n$/);
  });
});

describe("dispatch --watch", () => {
  test("follows to done: exit code 0, every step in order", async () => {
    const { code, stdout } = await stage.run("dispatch", "enqueue_story", "DONE-5", "--watch");
    expect(code).toBe(0);
    const steps = [...stdout.matchAll(/DONE-5 \w+ → (\w+)/g)].map(([, step]) => step);
    expect(steps).toEqual(["queued", "in_progress", "done"]);
    expect(stdout).toMatch(/^JOB-\d{8}-\d{3} \(enqueue_story DONE-5\): done$/m);
  });

  test("follows to failure: exit code 1; --json gives the answer and then the frames, a line each", async () => {
    const { code, stdout } = await stage.run("dispatch", "enqueue_story", "FAIL-1", "-w", "--json");
    expect(code).toBe(1);
    const [answer, ...frames] = stdout
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line));
    expect(answer.success).toBe(true);
    expect(frames.at(-1)).toMatchObject({ type: "STORY_STATUS", storyId: "FAIL-1", status: "failed" });
  });

  test("Ctrl-C stops the watching, not the job: 1, for it is no outcome", async () => {
    const terminal = stage.terminal("dispatch", "enqueue_story", "LONG-1", "--watch");
    await terminal.shows("in_progress");
    terminal.type("\u0003");
    expect((await terminal.ended).code).toBe(1);
    expect(terminal.screen()).toMatch(/JOB-\S+ goes on; to follow it again: roxy-core watch JOB-/);
    const { podium } = await stage.get("/api/orchestrator/status");
    expect(podium.running).toContain("LONG-1");
  });
});

describe("watch JOB", () => {
  test("of a job that has ended tells its outcome at once", async () => {
    const dispatched = await stage.run("dispatch", "enqueue_story", "FAIL-2", "--watch");
    const { code, stdout } = await stage.run("watch", jobIn(dispatched.stdout));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^JOB-\d{8}-\d{3} \(enqueue_story FAIL-2\): failed$/m);
  });

  test("goes on across a restart of the gateway, and ends with the job's outcome", async () => {
    const { stdout } = await stage.run("dispatch", "enqueue_story", "LONG-2", "--json");
    const { job_id: jobId } = JSON.parse(stdout);
    const watching = stage.start("watch", jobId);
    await watching.line((line) => line.includes("in_progress") || undefined, "the job runs");
    await stage.gateway.kill();
    await watching.line((line) => line.startsWith("Lost the gateway") || undefined, "the loss is told");
    await stage.restartGateway();
    await watching.line((line) => line.startsWith("Connected again") || undefined, "the return is told");
    expect((await stage.run("dispatch", "cancel_story", "LONG-2")).code).toBe(0);
    expect(await watching.ended).toEqual({ code: 1, signal: null });
    expect(watching.stdout()).toMatch(/\(enqueue_story LONG-2\): cancelled\n$/);
  });
});

test("dispatch status shows what was asked for: Podium's status, as status does", async () => {
  const { code, stdout } = await stage.run("dispatch", "status");
  expect(code).toBe(0);
  expect(stdout).toMatch(/^job {6}JOB-/);
  const podium = (text: string): string => text.slice(text.search(/^podium /m));
  expect(podium(stdout)).toStartWith("podium ");
  expect(podium(stdout)).toBe(podium((await stage.run("status")).stdout));
});

describe("halt", () => {
  test("halts at once, in a pipe, without asking, even with a broken configuration", async () => {
    const broken = path.join(stage.env["HOME"] ?? "", "broken.jsonc");
    await Bun.write(broken, '{ "listen": { "prot": 1 } }');
    const { code, stdout, stderr } = await stage.run("halt", "--config", broken);
    expect(code).toBe(0);
    expect(stdout).toStartWith("Halted.");
    expect(stderr).toContain("Warning: The configuration has mistakes");
    const { podium } = await stage.get("/api/orchestrator/status");
    expect(podium.orchestrator.state).toBe("halted");
  });

  test("halts on a terminal just the same; --yes is taken and not needed; --json is the answer", async () => {
    const { code, screen } = await stage.onTerminal("halt", "--yes");
    expect(code).toBe(0);
    expect(screen).toContain("Halted.");
    expect(JSON.parse((await stage.run("halt", "--json")).stdout)).toMatchObject({ success: true, status: "queued" });
  });
});
