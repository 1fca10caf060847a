import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import type { JobAnswer } from "../../src/cli/answers.ts";
import { displayWidth } from "../../src/cli/columns.ts";
import { frameLine } from "../../src/cli/frame-text.ts";
import { screenOf } from "../../src/cli/screen.ts";
import type { WatchState } from "../../src/cli/watch-state.ts";
import { afterNotice, afterPodium, watchState } from "../../src/cli/watch-state.ts";
import { watchLines } from "../../src/cli/watch-view.ts";
import { bunLauncher } from "../e2e/launcher.ts";
import { run } from "../e2e/child.ts";
import { screenModel } from "./screen-model.ts";
import { useStage } from "./stage.ts";
import type { Terminal } from "./terminal.ts";
import { ctrlC, openTerminal } from "./terminal.ts";

const escape = "\u001b";
const at = "2026-01-09T10:00:00.000Z";
const nowMs = Date.parse(at) + 5_000;
const job: JobAnswer = {
  job_id: "JOB-20260109-001",
  audit_id: "AUD-1",
  action: "enqueue_story",
  story_id: "STORY-001",
  plan_id: undefined,
  source: "cli",
  user_id: "mark",
  auth_mode: undefined,
  status: "queued",
  podium_status: "in_progress",
  code: undefined,
  detail: undefined,
  retry: undefined,
  receipt: undefined,
  created_at: at,
  updated_at: at,
  answered_at: at,
  podium_at: at,
};
const screen = (env: Record<string, string>) =>
  screenOf({ process: { env, stdoutIsTerminal: true, terminalSize: () => undefined } as never }, false);
const coloured = screen({ TERM: "xterm" });
const plain = screen({ TERM: "xterm", NO_COLOR: "1" });
const bare = (line: string): string => line.replaceAll(new RegExp(`${escape}\\[\\d+m`, "g"), "");
const frame = (fields: object): string => JSON.stringify(fields);
const told = (...frames: object[]): WatchState =>
  frames.reduce<WatchState>((state, fields) => afterNotice(state, { kind: "frame", text: frame(fields) }), {
    ...watchState("http://127.0.0.1:8000", nowMs),
    jobs: [job],
  });

describe("the live view", () => {
  test("says how things stand, what runs and waits, the jobs, and the last frames", () => {
    const state = told(
      { type: "GATEWAY_STATUS", podium: "connected", timestamp: at },
      { type: "QUEUE_UPDATE", state: "running", queue: ["A", { storyId: "B" }], running: ["C"], timestamp: at },
      { type: "AGENT_STATUS", agents: [{ agentId: "1", status: "busy" }, { agentId: "2" }, null], timestamp: at },
    );
    expect(watchLines(plain, state, { columns: 100, rows: 24 }, nowMs)).toEqual([
      "live, telemetry connected, Podium running  http://127.0.0.1:8000",
      "running C, 2 waiting (A, B), 1 of 3 agents busy",
      "",
      "JOB               ACTION         ABOUT      STATUS  PODIUM       BEGUN",
      "JOB-20260109-001  enqueue_story  STORY-001  queued  in_progress  5 s ago",
      "",
      "10:00:00Z  gateway: Podium's telemetry is connected",
    ]);
  });

  test("what is not known is not said to be nothing", () => {
    const lines = (state: WatchState): string => watchLines(plain, state, { columns: 100, rows: 24 }, nowMs).join("\n");
    expect(lines(watchState("http://127.0.0.1:8000", nowMs))).not.toMatch(/nothing|Nothing/);
    expect(lines({ ...watchState("http://127.0.0.1:8000", nowMs), queue: [], running: [], jobs: [] })).toMatch(
      /nothing runs, nothing waits[^]*Nothing has been dispatched/,
    );
  });

  test("a narrower terminal gets fewer columns, and never a row that says nothing", () => {
    const state = { ...told(), jobs: [job, { ...job, action: "halt", story_id: undefined, podium_status: undefined }] };
    const rows = (columns: number): string[] =>
      watchLines(plain, state, { columns, rows: 24 }, nowMs).filter((line) => line.startsWith("JOB-") || columns < 40);
    expect(rows(80)).toEqual([
      "JOB-20260109-001  enqueue_story  STORY-001  in_progress  5 s ago",
      "JOB-20260109-001  halt           halt       answered     5 s ago",
    ]);
    expect(rows(60)[1]).toBe("JOB-20260109-001  halt       answered     5 s ago");
    expect(rows(30)).toContain("halt       answered");
  });

  test("a lost gateway is said, and that what stands below is old; so is a lost Podium", () => {
    const lost = afterNotice(told(), { kind: "lost", detail: "the connection ended" });
    expect(watchLines(plain, lost, { columns: 120, rows: 24 }, nowMs)[0]).toContain(
      "lost: the connection ended; trying",
    );
    const back = afterNotice(lost, { kind: "back" });
    expect(watchLines(plain, back, { columns: 120, rows: 24 }, nowMs)[0]).not.toContain("lost");
    const away = told({ type: "GATEWAY_STATUS", podium: "disconnected" });
    expect(watchLines(plain, away, { columns: 120, rows: 24 }, nowMs)[0]).toContain("not live, telemetry disconnected");
  });

  test("a gateway that answers nothing any more is not called live", () => {
    const first = (afterMs: number): string =>
      watchLines(
        plain,
        told({ type: "GATEWAY_STATUS", podium: "connected" }),
        { columns: 120, rows: 24 },
        nowMs + afterMs,
      )[0]!;
    expect(first(3_000)).toStartWith("live, telemetry connected");
    expect(first(4_000)).toStartWith("silent: the gateway has not answered for 4 s, what stands below is old");
  });

  test("Podium's own word goes with its telemetry; a snapshot that could not be had says why", () => {
    const state = told(
      { type: "QUEUE_UPDATE", state: "running", running: ["A"] },
      { type: "GATEWAY_STATUS", podium: "disconnected" },
      { type: "SNAPSHOT", podium: null, detail: "Podium can't be asked: it is away", timestamp: at },
      { type: "SNAPSHOT", podium: {}, timestamp: at },
    );
    const lines = watchLines(plain, state, { columns: 120, rows: 24 }, nowMs);
    expect(lines[0]).toStartWith("not live, telemetry disconnected, what Podium told may be old  http");
    expect(lines.slice(-2)).toEqual([
      expect.stringContaining("gateway: Podium's telemetry is disconnected"),
      "10:00:00Z  no snapshot: Podium can't be asked: it is away",
    ]);
    const words = (fields: object): string => frameLine(plain, frame({ type: "SNAPSHOT", timestamp: at, ...fields }));
    expect(words({ podium: {} })).toBe("10:00:00Z  snapshot: Podium's state of this moment\n");
    expect(words({ podium: null })).toBe("10:00:00Z  no snapshot: Podium can't be asked\n");
  });

  test("a snapshot and a status answer count like frames; shapes that are none change nothing", () => {
    const state = told({ type: "SNAPSHOT", podium: { queue: ["A"], orchestrator: { state: "halted" } } });
    expect(state).toMatchObject({ queue: ["A"], podium: "halted" });
    for (const odd of [null, 7, "x", [], { queue: 7, agents: {}, orchestrator: null }]) {
      expect(afterPodium(state, odd)).toEqual(state);
    }
  });

  test("--types chooses what is listed, and makes nothing above it old", () => {
    const state = ["STORY_STATUS", "QUEUE_UPDATE", "OTHER", "GAP"].reduce<WatchState>(
      (before, type) => afterNotice(before, { kind: "frame", text: frame({ type, queue: ["A"] }) }, new Set(["OTHER"])),
      watchState("http://127.0.0.1:8000", nowMs),
    );
    expect(state.queue).toEqual(["A"]);
    expect(state.frames.map((text) => (JSON.parse(text) as { type: string }).type)).toEqual(["OTHER", "GAP"]);
  });

  test("no line is wider and no view higher than the terminal, whatever it is told and however small it is", () => {
    const words = fc.oneof(
      fc.string({ unit: "binary", maxLength: 400 }),
      fc.constantFrom("中文👩‍👩‍👧", "\u001b[2J\n", "x".repeat(10_240)),
    );
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 250 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(words),
        (columns, rows, texts) => {
          const [a = "", b = "", c = ""] = texts;
          const state = {
            ...told(
              { type: "STORY_STATUS", storyId: a, status: b, message: c },
              { type: "QUEUE_UPDATE", queue: texts, state: b },
            ),
            jobs: Array.from({ length: 20 }, () => ({ ...job, story_id: a, status: b, podium_status: c, user_id: a })),
          };
          for (const painting of [coloured, plain]) {
            const lines = watchLines(painting, state, { columns, rows }, nowMs);
            expect(lines.length).toBeLessThan(Math.max(2, rows));
            for (const line of lines) expect(displayWidth(bare(line))).toBeLessThan(columns);
            expect(bare(lines.join("")).match(/(?!\u200d)[\p{C}\p{Zl}\p{Zp}]/u)).toBeNull();
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  test("colours follow NO_COLOR", () => {
    const state = told({ type: "GATEWAY_STATUS", podium: "connected" });
    expect(watchLines(coloured, state, { columns: 100, rows: 24 }, nowMs).join("")).toContain("\u001b[32m");
    expect(watchLines(plain, state, { columns: 100, rows: 24 }, nowMs).join("")).not.toContain("\u001b");
  });
});

const stage = useStage([{ storyId: "S-1" }, { storyId: "LONG-1", command: ["sleep", "60"] }]);

describe("watch on a terminal", () => {
  /** In a terminal of this size, whose name goes to a file: so it can be made smaller from outside. */
  const openSized = (columns: number, rows: number): { terminal: Terminal; resize(to: number): Promise<void> } => {
    const tty = `${stage.env["HOME"]}/tty-${columns}`;
    const words = [...bunLauncher.command, "watch", "--url", stage.gateway.baseUrl];
    const script = `stty cols ${columns} rows ${rows}; tty > ${tty}; exec "$@"`;
    const terminal = openTerminal(["sh", "-c", script, "sh", ...words], stage.env);
    const resize = async (to: number): Promise<void> => {
      const { code } = await run(["stty", "-F", (await Bun.file(tty).text()).trim(), "cols", String(to)], {
        env: stage.env,
      });
      expect(code).toBe(0);
    };
    return { terminal, resize };
  };
  const shown = (terminal: Terminal, columns?: number): string[] => screenModel(terminal.screen(), columns).lines;

  test("draws in place as things happen, keeps to the width, follows a resize; Ctrl-C leaves all as it was", async () => {
    const { terminal, resize } = openSized(100, 30);
    await terminal.shows("nothing runs");
    await stage.run("dispatch", "enqueue_story", "S-1", "--watch");
    await terminal.shows(/enqueue_story\s+S-1\s+\S*queued\S*\s+\S*done/);
    const before = shown(terminal, 99);
    expect(before.filter((line) => line.startsWith("live, "))).toHaveLength(1);
    expect(before.filter((line) => line.startsWith("JOB-"))).toHaveLength(1);
    const marked = terminal.screen().length;
    await resize(50);
    await terminal.shows(new RegExp(`[^]{${marked}}[^]*JOB-\\d+-\\d+ {2}S-1[^]*done[^]*${escape}\\[J`));
    screenModel(terminal.screen().split(`${escape}[H`).at(-1)!, 49);
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(0);
    const { lines, cursorShown } = screenModel(terminal.screen());
    expect(cursorShown).toBe(true);
    expect(lines.filter((line) => line.startsWith("JOB-"))).toHaveLength(1);
  });

  test("says in place that the gateway is lost, and that it is back", async () => {
    const { terminal } = openSized(120, 30);
    await terminal.shows("live");
    // Whatever is typed is shown by the terminal, and moves its cursor.
    terminal.type("\r\rxyz\r");
    await terminal.shows("xyz\n");
    await stage.gateway.kill();
    await terminal.shows(new RegExp(`lost\\S*: [^]*${escape}\\[J`));
    expect(shown(terminal)[0]).toStartWith("lost: ");
    expect(shown(terminal).filter((line) => /live|xyz/.test(line))).toEqual([]);
    await stage.restartGateway();
    await terminal.shows(/lost[^]*live\S*, telemetry/);
    terminal.type(ctrlC);
    expect((await terminal.ended).code).toBe(0);
    expect(shown(terminal).some((line) => line.includes("lost"))).toBe(false);
  });

  test("a gateway that is frozen is called silent within seconds, and live when it goes on", async () => {
    const { terminal } = openSized(120, 30);
    await terminal.shows("live");
    stage.gateway.child.kill("SIGSTOP");
    await terminal.shows(/silent\S*: the gateway has not answered for \d+ s/);
    const starting = openSized(100, 30).terminal;
    await starting.shows(/Waiting for the gateway … \d+ s/);
    const marked = terminal.screen().length;
    stage.gateway.child.kill("SIGCONT");
    await terminal.shows(new RegExp(`[^]{${marked}}[^]*live\\S*, telemetry`));
    await starting.shows(/live\S*, telemetry/);
    for (const one of [terminal, starting]) {
      one.type(ctrlC);
      expect((await one.ended).code).toBe(0);
    }
  });

  test("a dumb terminal and --lines get a line for each frame", async () => {
    for (const [term, ...words] of [["dumb"], ["xterm", "--lines"]] as const) {
      const command = [...bunLauncher.command, "watch", ...words, "--url", stage.gateway.baseUrl];
      const terminal = openTerminal(command, { ...stage.env, TERM: term });
      await terminal.shows(/Z\S* {2}gateway: Podium's telemetry is/);
      terminal.type(ctrlC);
      expect((await terminal.ended).code).toBe(0);
      expect(bare(terminal.screen())).not.toContain(escape);
    }
  });
});
