import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { allCommands } from "../../src/cli/commands.ts";
import { run } from "../e2e/child.ts";
import { bunLauncher } from "../e2e/launcher.ts";
import { runHere } from "./in-process.ts";
import type { Terminal } from "./terminal.ts";
import { closeTerminals, openTerminal } from "./terminal.ts";

afterEach(closeTerminals);

/** The completions in the shells that they are for. Without a shell: SKIPPED aloud, and failed where all must be there. */
const folder = mkdtempSync(path.join(tmpdir(), "roxy-completion-"));
const env = {
  ROXY_TEST_URL: "",
  PATH: `${folder}:/usr/bin:/bin`,
  HOME: folder,
  XDG_CONFIG_HOME: folder,
  XDG_DATA_HOME: folder,
};
const script = (shell: string): string => path.join(folder, `completion.${shell}`);
afterAll(() => rmSync(folder, { recursive: true, force: true }));

beforeAll(async () => {
  for (const shell of ["bash", "zsh", "fish"]) {
    const { code, stdout } = await runHere({ HOME: folder }, ["completion", shell]);
    expect(code).toBe(0);
    await Bun.write(script(shell), stdout);
  }
});

function withTool(tool: string, tests: () => void): void {
  if (Bun.which(tool)) return describe(tool, tests);
  if (process.env["CI"] === "true") {
    test(`${tool} is there`, () => expect(Bun.which(tool)).not.toBeNull());
    return undefined;
  }
  process.stderr.write(`SKIPPED: the tests with ${tool}, which is not installed\n`);
  return describe.skip(`${tool} (SKIPPED: not installed)`, () => test("skipped", () => {}));
}

/** A gateway that answers at once with these, under the name that the scripts call. */
const known = {
  "/api/orchestrator/jobs": {
    success: true,
    jobs: [
      { job_id: "JOB-20260109-002", audit_id: "AUD-B", action: "enqueue_story", story_id: "OLD-1", status: "queued" },
      { job_id: "JOB-20260109-001", audit_id: "AUD-A", action: "apply_plan", plan_id: "PLAN-9", status: "queued" },
    ],
    next: null,
  },
  "/api/orchestrator/status": {
    success: true,
    podium: {
      stories: [
        { storyId: "STORY-001" },
        { id: "STORY-002" },
        { storyId: "$(touch owned)" },
        { storyId: "; rm" },
        null,
        7,
      ],
      plans: [{ planId: "PLAN-1" }],
    },
  },
};
const gateway = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  fetch: (request) => Response.json(known[new URL(request.url).pathname as keyof typeof known] ?? {}),
});
afterAll(() => gateway.stop(true));
beforeAll(async () => {
  const words = bunLauncher.command.map((word) => `'${word}'`).join(" ");
  const program = `#!/bin/sh\n[ "$2" = ids ] && exec ${words} "$@" --url "$ROXY_TEST_URL"\nexec ${words} "$@"\n`;
  await Bun.write(path.join(folder, "roxy-core"), program);
  env.ROXY_TEST_URL = String(gateway.url).replace(/\/$/, "");
  chmodSync(path.join(folder, "roxy-core"), 0o755);
});

describe("completion ids", () => {
  const ids = async (kind: string, url = env.ROXY_TEST_URL, ...more: string[]): Promise<string[]> => {
    const words = ["completion", "ids", kind, ...more, "--url", url];
    const { code, stdout, stderr } = await runHere({ HOME: folder }, words);
    expect([code, stderr]).toEqual([0, ""]);
    return stdout.split("\n").slice(0, -1);
  };

  test("prints what the gateway knows, and nothing that a shell could take for more than a word", async () => {
    expect(await ids("story")).toEqual(["STORY-001", "STORY-002", "OLD-1"]);
    expect(await ids("plan")).toEqual(["PLAN-1", "PLAN-9"]);
    expect(await ids("subject")).toEqual(["STORY-001", "STORY-002", "PLAN-1", "OLD-1", "PLAN-9"]);
    expect(await ids("subject", undefined, "enqueue_story")).toEqual(await ids("story"));
    expect(await ids("subject", undefined, "apply_plan")).toEqual(await ids("plan"));
    expect(await ids("subject", undefined, "halt")).toEqual([]);
    expect(await ids("subject", undefined, "Apply-Plan")).toEqual(await ids("subject"));
    expect(await ids("job")).toEqual(["JOB-20260109-002", "JOB-20260109-001"]);
    expect(await ids("audit")).toEqual(["AUD-B", "AUD-A"]);
    expect(await ids("dispatch")).toEqual(["JOB-20260109-002", "AUD-B", "JOB-20260109-001", "AUD-A"]);
  });

  test("without a gateway prints nothing and says nothing", async () => {
    expect(await ids("job", "http://127.0.0.1:1")).toEqual([]);
  });

  test("a Podium that hangs keeps nobody waiting: what the record knows comes all the same", async () => {
    const slow = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) =>
        new URL(url).pathname.endsWith("/jobs")
          ? Response.json(known["/api/orchestrator/jobs"])
          : new Promise<Response>(() => {}),
    });
    try {
      const startedAt = performance.now();
      expect(await ids("story", String(slow.url).replace(/\/$/, ""))).toEqual(["OLD-1"]);
      expect(performance.now() - startedAt).toBeLessThan(5_000);
    } finally {
      await slow.stop(true);
    }
  });

  test("refuses a kind that there is not", async () => {
    const { code, stderr } = await runHere({ HOME: folder }, ["completion", "ids", "horses"]);
    expect(code).toBe(2);
    expect(stderr).toContain("subject, story, plan, job, audit, dispatch");
  });
});

const commands = await allCommands();
const names = commands.map(({ name }) => name).toSorted();

withTool("bash", () => {
  /** What the shell's own function offers for the words. */
  async function offers(...words: string[]): Promise<string[]> {
    const call = `source ${script("bash")}; COMP_WORDS=("$@"); COMP_CWORD=$(($#-1)); _roxy_core; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const { stdout, stderr } = await run(["bash", "--norc", "-c", call, "bash", "roxy-core", ...words], { env });
    expect(stderr).toBe("");
    return stdout
      .split("\n")
      .filter((line) => line !== "")
      .toSorted();
  }

  test("knows every command, subcommand and option", async () => {
    expect(await offers("")).toEqual([...names, "--help", "--version", "help"].toSorted());
    expect(await offers("audit", "ex")).toEqual(["export"]);
    expect(await offers("dispatch", "--no")).toEqual(["--no-color", "--nonce"]);
    for (const { specs } of commands) {
      for (const { name, options } of specs) {
        const wanted = [...options.map((option) => `--${option.name}`), "--help"];
        expect(await offers(...name.split(" "), "--")).toEqual(wanted.toSorted());
      }
    }
  });

  test("knows values, also behind an equals sign, and which argument is being typed", async () => {
    expect(await offers("dispatch", "-w", "--user", "=", "mark", "enq")).toEqual(["enqueue_plan", "enqueue_story"]);
    expect(await offers("dispatch", "enqueue_story", "e")).toEqual([]);
    expect(await offers("jobs", "--action", "=", "h")).toEqual(["halt"]);
    expect(await offers("audit", "export", "--format", "")).toEqual(["csv", "jsonl"]);
    expect(await offers("status", "--config", script("bash").slice(0, -2))).toEqual([script("bash")]);
    expect(await offers("nonsense", "")).toEqual([]);
  });

  test("asks the gateway for ids, and runs nothing of what it says", async () => {
    expect(await offers("dispatch", "enqueue_story", "ST")).toEqual(["STORY-001", "STORY-002"]);
    expect(await offers("dispatch", "--watch", "enqueue_story", "")).toEqual(["OLD-1", "STORY-001", "STORY-002"]);
    expect(await offers("dispatch", "apply_plan", "--user", "STORY-001", "")).toEqual(["PLAN-1", "PLAN-9"]);
    expect(await offers("dispatch", "$(touch owned)", "P")).toEqual(["PLAN-1", "PLAN-9"]);
    expect(await offers("status", "")).toEqual(["JOB-20260109-001", "JOB-20260109-002"]);
    expect(await offers("audit", "show", "AUD-B")).toEqual(["AUD-B"]);
    expect(await offers("jobs", "--story", "O")).toEqual(["OLD-1"]);
    expect(await Bun.file(path.join(folder, "owned")).exists()).toBe(false);
  });

  test("is loaded by an interactive bash: the Tab key completes", async () => {
    const terminal = openTerminal(["bash", "--norc", "--noprofile", "-i"], { ...env, PS1: "READY> " });
    await ready(terminal, `source ${script("bash")}; PS1='LOADED> '`, "LOADED> ");
    terminal.type("roxy-core disp\t");
    await terminal.shows("roxy-core dispatch ");
    terminal.type("enqueue_s\t");
    await terminal.shows("dispatch enqueue_story ");
    await leave(terminal);
  });
});

withTool("zsh", () => {
  test("is loaded by an interactive zsh: the Tab key completes commands, actions and options", async () => {
    const terminal = openTerminal(["zsh", "-f", "-i"], { ...env, PS1: "READY> " });
    const load = `autoload -Uz compinit; compinit -D -u; source ${script("zsh")}; PS1='LOADED'"> "`;
    await ready(terminal, load, "LOADED> ");
    terminal.type("roxy-core disp\t");
    await terminal.shows(/roxy-core dispatch/);
    terminal.type("enqueue_s\t");
    await terminal.shows(/enqueue_story/);
    terminal.type("S-1 --wat\t");
    await terminal.shows(/--watch/);
    terminal.type("\u0015roxy-core dispatch --watch apply_plan \t");
    await terminal.shows("apply_plan PLAN-");
    terminal.type("\u0015roxy-core dispatch --user mark enqueue_story ST\t");
    await terminal.shows("enqueue_story STORY-00");
    terminal.type("\u0015roxy-core watch JOB-20260109-002\b\t");
    await terminal.shows(/JOB-20260109-00[^]*JOB-20260109-001/);
    terminal.type("\u0015roxy-core audit \t");
    await terminal.shows(/check-proof +-- Check a proof/);
    await leave(terminal);
  });
});

withTool("fish", () => {
  async function offers(line: string): Promise<string[]> {
    const call = `source ${script("fish")}; complete -C '${line}'`;
    const { stdout, stderr } = await run(["fish", "--no-config", "-c", call], { env });
    expect(stderr).toBe("");
    return stdout
      .split("\n")
      .filter((word) => word !== "")
      .map((word) => word.split("\t")[0]!)
      .toSorted();
  }

  test("knows every command, subcommand, option and value", async () => {
    expect(await offers("roxy-core ")).toEqual([...names, "help"].toSorted());
    expect(await offers("roxy-core audit v")).toEqual(["verify"]);
    expect(await offers("roxy-core dispatch enq")).toEqual(["enqueue_plan", "enqueue_story"]);
    expect(await offers("roxy-core dispatch enqueue_story S --no")).toEqual(["--no-color", "--nonce"]);
    expect(await offers("roxy-core jobs --action h")).toEqual(["halt"]);
    expect(await offers("roxy-core dispatch --user mark enq")).toEqual(["enqueue_plan", "enqueue_story"]);
    expect(await offers("roxy-core dispatch --user=mark -w enq")).toEqual(["enqueue_plan", "enqueue_story"]);
    expect(await offers("roxy-core dispatch --watch enqueue_story ")).toEqual(["OLD-1", "STORY-001", "STORY-002"]);
    expect(await offers("roxy-core dispatch apply_plan -c x ")).toEqual(["PLAN-1", "PLAN-9"]);
    expect(await offers("roxy-core dispatch halt ")).toEqual([]);
    expect(await offers("roxy-core dispatch enqueue_story S-1 ")).toEqual([]);
    expect(await offers("roxy-core audit show --json AUD")).toEqual(["AUD-A", "AUD-B"]);
    expect(await offers("roxy-core status ")).toEqual(["JOB-20260109-001", "JOB-20260109-002"]);
    expect(await offers("roxy-core jobs --story ST")).toEqual(["STORY-001", "STORY-002"]);
    expect(await offers("roxy-core audit export --format ")).toEqual(["csv", "jsonl"]);
    expect(await offers(`roxy-core status --config ${script("fish").slice(0, -2)}`)).toContain(script("fish"));
  });
});

/** Types a line once the shell has its prompt, and waits for what the line prints when it has run. */
async function ready(terminal: Terminal, line: string, prompt: string): Promise<void> {
  await terminal.shows("READY> ");
  terminal.type(`${line}\r`);
  await terminal.shows(new RegExp(`\\n[^']*${prompt}`));
}

async function leave(terminal: Terminal): Promise<void> {
  terminal.type("\u0015exit\r");
  await terminal.ended;
}
