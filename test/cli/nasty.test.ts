import { describe, expect, test } from "bun:test";
import { reply } from "../e2e/podium-stub.ts";
import { ctrlC } from "./terminal.ts";
import { useScriptedStage } from "./stage.ts";

const escape = "\u001b";
/** Everything that a title or a message can hold, in one line of more than 10 KB. */
const nasty = `<b>x</b>\u001b[2J\u001b]0;owned\u0007\u009b31m\r\n\ttab \u202eevil\u202c \u2066i\u2069 👩‍👩‍👧 中文 \u2028 \0 ${"y".repeat(10_240)} end`;
const story = { storyId: "N-1", title: nasty, status: "todo", queue: nasty };
const status = JSON.stringify({
  orchestrator: { name: nasty, state: nasty },
  stories: [story],
  queue: [{ storyId: nasty }],
});

const ourColours = new RegExp(`${escape}\\[(0|1|2|31|32|33|36)m`, "g");

/** Printable ASCII, text of any script, our own colours; nothing that moves, hides or turns. */
function harmless(screen: string, coloured: boolean): void {
  const bare = coloured ? screen.replaceAll(ourColours, "") : screen;
  const joined = bare.replaceAll("👩‍👩‍👧", "");
  expect(joined.replaceAll("\n", "").match(/[\p{C}\p{Zl}\p{Zp}]/u)).toBeNull();
}

const stage = useScriptedStage();

describe("text from Podium is shown as text, in a pipe and on a terminal", () => {
  test("status", async () => {
    stage.podium.status = reply.text(status);
    const { code, stdout } = await stage.run("status");
    expect(code).toBe(0);
    harmless(stdout, false);
    expect(stdout).toContain(String.raw`<b>x</b>\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m\u{d}\u{a}\u{9}tab \u{202e}evil`);
    expect(stdout).toContain("👩‍👩‍👧 中文");
    expect(stdout).toContain(" end\n");
    const { screen } = await stage.onTerminal("status");
    harmless(screen, true);
    expect(screen).toContain(String.raw`<b>x</b>\u{1b}[2J`);
    expect(screen.split("\n").find((line) => line.includes("N-1"))!.length).toBeLessThan(160);
  });

  test("status --json stays the same JSON, and cannot drive a terminal", async () => {
    stage.podium.status = reply.text(status);
    const { screen } = await stage.onTerminal("status", "--json");
    harmless(screen, false);
    expect(JSON.parse(screen).podium).toEqual(JSON.parse(status));
  });

  test("a refusal in Podium's words", async () => {
    stage.podium.reset();
    stage.podium.next(reply.text(JSON.stringify({ success: false, error: nasty })));
    const { code, stderr } = await stage.run("dispatch", "enqueue_story", "N-2");
    expect(code).toBe(1);
    harmless(stderr, false);
    expect(stderr).toContain("<b>x</b>");
  });

  test("a nonce that is a shell command is quoted where people copy it", async () => {
    stage.podium.reset();
    stage.podium.next(reply.text(JSON.stringify({ success: true, nonce: "1; touch '/tmp/owned'" })));
    const { stdout } = await stage.run("dispatch", "prepare_apply", "N-PLAN");
    expect(stdout).toContain(String.raw`--nonce='1; touch '\''/tmp/owned'\'''`);
  });

  test("frames in watch, each on one line; Ctrl-C ends with 0", async () => {
    const terminal = stage.terminal("watch", "--lines");
    await terminal.shows("Podium's telemetry is");
    stage.podium.emit(JSON.stringify({ type: "STORY_STATUS", storyId: "N-1", status: nasty, message: nasty }));
    stage.podium.emit(JSON.stringify({ type: "AGENT_STATUS", agents: [{ agentId: nasty, status: "busy" }, null, 7] }));
    stage.podium.emit(JSON.stringify({ type: "QUEUE_UPDATE", queue: { not: "a list" }, running: [nasty] }));
    await terminal.shows(/queue: empty, running <b>x<\/b>.*\n/);
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(0);
    harmless(terminal.screen().replaceAll("^C", ""), true);
    expect(
      terminal
        .screen()
        .split("\n")
        .filter((line) => /^\S*\d\d:\d\d:\d\dZ/.test(line)),
    ).toHaveLength(4);
  });

  test("frames in watch --json keep their bytes' meaning, one a line", async () => {
    const watching = stage.start("watch", "--json", "--types", "STORY_STATUS");
    await watching.line((line) => line.includes("GATEWAY_STATUS") || undefined, "the stream is open");
    const frame = { type: "STORY_STATUS", storyId: "N-1", status: nasty };
    stage.podium.emit(JSON.stringify({ type: "AGENT_STATUS", agents: [] }));
    stage.podium.emit(JSON.stringify(frame, null, 2));
    const line = await watching.line((text) => (text.includes("STORY_STATUS") ? text : undefined), "the frame comes");
    expect(JSON.parse(line)).toEqual(frame);
    watching.kill("SIGTERM");
    expect((await watching.ended).code).toBe(0);
    expect(watching.stdout()).not.toContain("AGENT_STATUS");
  });
});

describe("colours", () => {
  const colour = "\u001b[";

  test("only on a terminal, and there NO_COLOR, --no-color and TERM=dumb turn them off", async () => {
    stage.podium.reset();
    stage.podium.status = reply.text(
      '{"orchestrator":{"state":"running"},"stories":[{"storyId":"C-1","status":"done"}]}',
    );
    expect((await stage.onTerminal("status")).screen).toContain(`${colour}32mdone`);
    expect((await stage.onTerminalWith({ NO_COLOR: "" }, "status")).screen).toContain(colour);
    const without = [
      (await stage.onTerminal("status", "--no-color")).screen,
      (await stage.onTerminalWith({ NO_COLOR: "1" }, "status")).screen,
      (await stage.onTerminalWith({ TERM: "dumb" }, "status")).screen,
      (await stage.run("status")).stdout,
    ];
    for (const screen of without) {
      expect(screen).toContain("C-1");
      expect(screen).not.toContain(colour);
    }
  });

  test("a table has a heading on a terminal, and none, nor a tab, nor an empty cell in a pipe", async () => {
    await stage.run("dispatch", "enqueue_story", "C-2");
    const { screen } = await stage.onTerminal("jobs", "-n", "1", "--no-color");
    expect(screen).toMatch(/^JOB +ACTION +ABOUT +STATUS +BEGUN +USER\nJOB-\S+ +enqueue_story +C-2 +queued/);
    const { stdout } = await stage.run("jobs", "-n", "1");
    expect(stdout).toMatch(/^JOB-\S+ {2}enqueue_story {2}C-2 {2}queued {2}- {2}\d{4}-\S+Z {2}mark\n$/);
  });

  test("a status that nobody is known to say may be a slip, which is told beside the empty list", async () => {
    expect(await stage.run("jobs", "--status", "fialed")).toMatchObject({
      code: 0,
      stdout: "",
      stderr: 'No job has the status "fialed" (nearest usual word: failed)\n',
    });
    expect((await stage.run("jobs", "--status", "nope")).stderr).toContain("the usual words are pending, queued,");
    expect((await stage.run("jobs", "--status", "rejected")).stderr).toBe("");
  });

  test("jobs come in pages, and the way to the next one is told on standard error", async () => {
    const first = await stage.run("jobs", "-n", "1", "--json");
    const { jobs, next } = JSON.parse(first.stdout);
    expect(jobs).toHaveLength(1);
    const words = await stage.run("jobs", "-n", "1");
    expect(words.stderr).toContain(`--cursor ${next}`);
    const second = JSON.parse((await stage.run("jobs", "-n", "1", "--cursor", next, "--json")).stdout);
    expect(second.jobs[0].job_id).not.toBe(jobs[0].job_id);
  });

  test("a slow answer gets a progress line on a terminal, which vanishes; a pipe gets none", async () => {
    const gate = Promise.withResolvers<void>();
    stage.podium.next(reply.after(gate.promise, reply.text('{"success":true}')));
    const terminal = stage.terminal("dispatch", "enqueue_story", "C-3", "--no-color");
    await terminal.shows("Waiting for the answer … 1 s");
    gate.resolve();
    expect((await terminal.ended).code).toBe(0);
    expect(terminal.screen()).toContain(`\r${escape}[Kjob      JOB-`);
  });
});
