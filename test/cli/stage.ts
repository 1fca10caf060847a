import { afterAll, afterEach, beforeAll, setDefaultTimeout } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Child, Ran } from "../e2e/child.ts";
import { killAll, startChild } from "../e2e/child.ts";
import type { Json } from "../e2e/http-client.ts";
import { call } from "../e2e/http-client.ts";
import type { Gateway } from "../e2e/launcher.ts";
import { bunLauncher, environment, repository, runCommand, startGateway } from "../e2e/launcher.ts";
import { PodiumStub } from "../e2e/podium-stub.ts";
import { patienceMs } from "../e2e/watch.ts";
import type { Terminal } from "./terminal.ts";
import { closeTerminals, openTerminal, runInTerminal } from "./terminal.ts";

/** A folder of its own, removed at the end of the file's tests; what one of them left open on a terminal goes with it. */
export function newRoot(): string {
  const root = mkdtempSync(path.join(tmpdir(), "roxy-cli-"));
  afterEach(closeTerminals);
  afterAll(() => rmSync(root, { recursive: true, force: true }));
  return root;
}

/** The command line, from source, in front of a real gateway. */
export interface CommandLine {
  readonly env: Record<string, string>;
  /** In a pipe. */
  run(...words: string[]): Promise<Ran>;
  /** In a pipe, with more in the environment. */
  runWith(env: Readonly<Record<string, string>>, ...words: string[]): Promise<Ran>;
  /** In a pipe, and still running. */
  start(...words: string[]): Child;
  /** In a pseudo-terminal, to the end. */
  onTerminal(...words: string[]): Promise<{ code: number | null; screen: string }>;
  onTerminalWith(
    env: Readonly<Record<string, string>>,
    ...words: string[]
  ): Promise<{ code: number | null; screen: string }>;
  terminal(...words: string[]): Terminal;
}

/** @param more words that stand after each command, such as the server's URL */
export function commandLine(env: Record<string, string>, more: () => readonly string[] = () => []): CommandLine {
  const words = (given: readonly string[]): string[] => [...given, ...more()];
  const command = (given: readonly string[]): string[] => [...bunLauncher.command, ...words(given)];
  return {
    env,
    run: (...given) => runCommand(bunLauncher, words(given), { env }),
    runWith: (extra, ...given) => runCommand(bunLauncher, words(given), { env: { ...env, ...extra } }),
    start: (...given) => startChild(command(given), { env, cwd: env["HOME"] ?? "/" }),
    onTerminal: (...given) => runInTerminal(command(given), env),
    onTerminalWith: (extra, ...given) => runInTerminal(command(given), { ...env, ...extra }),
    terminal: (...given) => openTerminal(command(given), env),
  };
}

export interface Stage extends CommandLine {
  readonly gateway: Gateway;
  readonly podiumUrl: string;
  get(path: string): Promise<Json>;
  /** The same port and folder again, after a kill. */
  restartGateway(): Promise<void>;
}

/** A story of the stage's own catalogue; with a command it runs that, else it is simulated. */
export interface StageStory {
  readonly storyId: string;
  readonly title?: string;
  readonly command?: readonly string[];
  readonly status?: string;
}

/** Gateway and embedded orchestrator, both from source, for all tests of a file. */
export function useStage(stories: readonly StageStory[]): Stage {
  const root = newRoot();
  let luno: Child;
  let podiumUrl = "";
  beforeAll(async () => {
    writeCatalogue(path.join(root, "luno"), stories);
    const words = ["luno", "--port", "0", "--beat-ms", "20", "--run-ms", "20", "--agents", "2"];
    luno = startChild([...bunLauncher.command, ...words], { env: environment(root), cwd: root });
    podiumUrl = await luno.line((line) => (line.includes("luno_started") ? urlIn(line) : undefined), "luno listens");
  });
  const { stage, close } = stageWith(root, () => podiumUrl);
  afterAll(async () => {
    await close();
    luno?.kill("SIGKILL");
    await luno?.ended;
  });
  return stage;
}

/** A gateway in front of a Podium that says what a test wants. */
export function useScriptedStage(
  settings: Readonly<Record<string, string>> = {},
): Stage & { readonly podium: PodiumStub } {
  const root = newRoot();
  let podium: PodiumStub;
  beforeAll(async () => {
    podium = await PodiumStub.start();
  });
  const { stage, close } = stageWith(root, () => podium.url, settings);
  afterAll(async () => {
    await close();
    await podium?.down();
  });
  return Object.defineProperties({} as Stage & { readonly podium: PodiumStub }, {
    ...Object.getOwnPropertyDescriptors(stage),
    podium: { get: () => podium },
  });
}

function stageWith(
  root: string,
  podiumUrl: () => string,
  settings: Readonly<Record<string, string>> = {},
): { stage: Stage; close(): Promise<void> } {
  setDefaultTimeout(3 * patienceMs);
  let gateway: Gateway;
  beforeAll(async () => {
    gateway = await startGateway(bunLauncher, { podiumUrl: podiumUrl(), root, settings });
  });
  const line = commandLine({ ...environment(root), USER: "mark" }, () => ["--url", gateway.baseUrl]);
  const stage: Stage = {
    ...line,
    get gateway() {
      return gateway;
    },
    get podiumUrl() {
      return podiumUrl();
    },
    get: async (at) => (await call(gateway.baseUrl, { path: at })).json,
    async restartGateway() {
      const { port } = gateway;
      await gateway.kill();
      gateway = await startGateway(bunLauncher, {
        podiumUrl: podiumUrl(),
        root,
        settings: { ...settings, "listen.port": String(port) },
      });
    },
  };
  const close = async (): Promise<void> => {
    await gateway?.kill();
    // Whatever a failed test has left running.
    killAll();
  };
  return { stage, close };
}

function urlIn(line: string): string {
  return (JSON.parse(line) as { url: string }).url;
}

function writeCatalogue(folder: string, stories: readonly StageStory[]): void {
  mkdirSync(path.join(folder, "plans"), { recursive: true, mode: 0o700 });
  cpSync(`${repository}/src/luno/examples/SKOREQ-XXX.json`, path.join(folder, "plans/SKOREQ-XXX.json"));
  const titled = stories.map((story) => ({ title: "A story", ...story }));
  const sprints = [{ sprintId: "SPRINT-1", title: "A sprint", stories: titled }];
  writeFileSync(
    path.join(folder, "catalogue.json"),
    JSON.stringify({ epics: [{ epicId: "E-1", title: "An epic", sprints }] }),
  );
}
