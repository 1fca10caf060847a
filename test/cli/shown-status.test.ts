import { describe, expect, test } from "bun:test";
import { reply } from "../e2e/podium-stub.ts";
import { useScriptedStage } from "./stage.ts";

const stage = useScriptedStage();

describe("what Podium has taken and nothing is queued of", () => {
  const commands = ["halt", "cancel_story S-1", "prepare_apply P-1", "apply_plan P-1 --nonce=n", "status"];
  test.each(commands)("%s is answered to a person, and queued in the contract's JSON", async (line) => {
    const words = line.split(" ");
    const dispatched = (await stage.run("dispatch", ...words)).stdout;
    expect(dispatched).toMatch(/^status {3}answered$/m);
    const jobId = /JOB-\S+/.exec(dispatched)![0];
    const row = new RegExp(`^${jobId} +${words[0]} .* answered `, "m");
    expect((await stage.run("jobs")).stdout).toMatch(row);
    expect((await stage.onTerminal("jobs", "--no-color")).screen).toMatch(row);
    expect((await stage.run("status", jobId)).stdout).toMatch(/^status +answered$/m);
    expect(await stage.run("watch", jobId)).toMatchObject({ code: 0, stdout: expect.stringMatching(/: answered\n$/) });
    for (const asked of [
      ["jobs", "-n", "1"],
      ["status", jobId],
    ]) {
      expect((await stage.run(...asked, "--json")).stdout).toContain('"status":"queued"');
    }
  });

  test("what waits in Podium's queue is queued, and a halt that was refused is rejected", async () => {
    expect((await stage.run("dispatch", "enqueue_story", "S-2")).stdout).toMatch(/^status {3}queued$/m);
    expect((await stage.run("dispatch", "enqueue_plan", "P-2")).stdout).toMatch(/^status {3}queued$/m);
    stage.podium.next(reply.text('{"success":false,"error":"no brakes"}'));
    await stage.run("halt");
    const { stdout } = await stage.run("jobs", "-n", "3");
    expect(stdout).toMatch(/ halt .* rejected .*\n.* enqueue_plan .* queued .*\n.* enqueue_story .* queued /);
  });

  test("who looks for the word that was shown is told the one to look for", async () => {
    const { stderr } = await stage.run("jobs", "--status", "answered");
    expect(stderr).toBe('No job has the status "answered" (nearest usual word: queued)\n');
  });
});
