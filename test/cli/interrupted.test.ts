import { afterEach, describe, expect, test } from "bun:test";
import { isRunning } from "../e2e/child.ts";
import { reply, yes } from "../e2e/podium-stub.ts";
import { useScriptedStage } from "./stage.ts";
import { ctrlC } from "./terminal.ts";

/** Nobody who presses Ctrl-C is left without a word about what may have happened, and how to go on safely. */
const stage = useScriptedStage();
const freeze = (): void => stage.gateway.child.kill("SIGSTOP");
const thaw = (): void => stage.gateway.child.kill("SIGCONT");

afterEach(async () => {
  if (await isRunning(stage.gateway.child.pid)) thaw();
  stage.podium.reset();
});

const keyIn = (said: string): string => /with --key ([\w-]{36}): what has run/.exec(said)?.[1] ?? "no key";

describe("dispatch", () => {
  test("Ctrl-C before the answer: unknown, 1, and the key with which a repetition runs nothing twice", async () => {
    const gate = Promise.withResolvers<void>();
    stage.podium.next(reply.after(gate.promise, reply.text(yes)));
    const words = ["dispatch", "enqueue_story", "C-1"];
    const terminal = stage.terminal(...words);
    await terminal.shows("Waiting for the answer");
    await stage.podium.commandsSeen(1);
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(1);
    const screen = terminal.screen();
    expect(screen).toContain(
      "\r\u001b[Kroxy-core: Interrupted before the answer came: the outcome of enqueue_story C-1",
    );
    expect(screen).toContain("roxy-core jobs --story C-1 shows what is on record");
    const again = stage.run(...words, "--key", keyIn(screen));
    gate.resolve();
    expect((await again).code).toBe(0);
    expect(stage.podium.commands).toHaveLength(1);
  });

  test("SIGTERM in a pipe says the same", async () => {
    const gate = Promise.withResolvers<void>();
    stage.podium.next(reply.after(gate.promise, reply.text(yes)));
    const child = stage.start("dispatch", "prepare_apply", "P-1");
    await stage.podium.commandsSeen(1);
    child.kill("SIGTERM");
    expect(await child.ended).toEqual({ code: 1, signal: null });
    expect(keyIn(child.stderr())).not.toBe("no key");
    expect(child.stderr()).toContain("roxy-core jobs --action prepare_apply shows");
    gate.resolve();
  });

  test("--watch, interrupted before anything was sent, says that nothing was executed", async () => {
    freeze();
    const terminal = stage.terminal("dispatch", "enqueue_story", "C-2", "--watch");
    await terminal.shows("Waiting for the gateway");
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(1);
    expect(terminal.screen()).toContain("roxy-core: Interrupted before anything was sent: nothing was executed\n");
    thaw();
    expect((await stage.run("jobs", "--story", "C-2")).stdout).toBe("");
  });

  test("watch JOB, interrupted before the job could be read, says how to follow it again", async () => {
    const { stdout } = await stage.run("dispatch", "enqueue_story", "C-3", "--json");
    const { job_id: jobId } = JSON.parse(stdout) as { job_id: string };
    freeze();
    const terminal = stage.terminal("watch", jobId);
    await terminal.shows("Waiting for the gateway");
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(1);
    expect(terminal.screen()).toContain(`${jobId} may go on; to follow it again: roxy-core watch ${jobId}\n`);
  });

  test("a gateway that dies under it is told once, with the key; Ctrl-C then says it again", async () => {
    stage.podium.next(reply.hang());
    const child = stage.start("dispatch", "enqueue_story", "C-4");
    await stage.podium.commandsSeen(1);
    await stage.gateway.kill();
    const key = await child.line(
      (line) => /Lost the gateway.*asking again under .*\(([\w-]{36})\)/.exec(line)?.[1],
      "it",
    );
    await stage.restartGateway();
    child.kill("SIGINT");
    expect(await child.ended).toEqual({ code: 1, signal: null });
    expect(keyIn(child.stderr())).toBe(key);
    expect(child.stderr().match(/Lost the gateway/g)).toHaveLength(1);
  });
});

describe("halt", () => {
  test("Ctrl-C before the answer shouts that nobody knows, 1: the halt may still come true", async () => {
    freeze();
    const terminal = stage.terminal("halt");
    await terminal.shows("Halting");
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(1);
    expect(terminal.screen()).toMatch(
      /roxy-core: IT IS NOT KNOWN WHETHER IT HALTED: interrupted before .* answered\. Halt again: a second halt does no harm/,
    );
    thaw();
    const [command] = await stage.podium.commandsSeen(1);
    expect(command?.body).toContain('"HALT"');
  });
});
