import type { Runtime } from "../runtime/types.ts";
import type { Group } from "./group.ts";
import { runGroup, specsOf } from "./group.ts";
import type { CommandSpec } from "./options.ts";

/** A first word of the command line. */
export interface Command {
  readonly name: string;
  readonly summary: string;
  /** The command itself, or all that begin with this word: for completion and the manual page. */
  readonly specs: readonly CommandSpec[];
  /** @returns the exit code. @throws Fatal */
  readonly run: (runtime: Runtime, argv: readonly string[]) => Promise<number>;
}

/** By first word, in the order of the help. Each is loaded when it is wanted: most of the program is about another one. */
export type Commands = Readonly<Record<string, () => Promise<Command>>>;

export const commands: Commands = {
  serve: async () => {
    const { serveCommand, runServe } = await import("./serve.ts");
    return { ...single(serveCommand, runServe), summary: `${serveCommand.summary} (default)` };
  },
  demo: () => import("./demo.ts").then(({ demoCommand, runDemo }) => single(demoCommand, runDemo)),
  dispatch: () =>
    import("./dispatch.ts").then(({ dispatchCommand, runDispatch }) => single(dispatchCommand, runDispatch)),
  halt: () => import("./halt.ts").then(({ haltCommand, runHalt }) => single(haltCommand, runHalt)),
  status: () => import("./status.ts").then(({ statusCommand, runStatus }) => single(statusCommand, runStatus)),
  jobs: () => import("./jobs.ts").then(({ jobsCommand, runJobs }) => single(jobsCommand, runJobs)),
  watch: () => import("./watch.ts").then(({ watchCommand, runWatch }) => single(watchCommand, runWatch)),
  audit: () => import("./audit.ts").then(({ auditGroup, runAudit }) => several(auditGroup, runAudit)),
  config: () => import("./config.ts").then(({ configGroup }) => several(configGroup)),
  doctor: () => import("./doctor.ts").then(({ doctorCommand, runDoctor }) => single(doctorCommand, runDoctor)),
  unit: () => import("./unit.ts").then(({ unitCommand, runUnit }) => single(unitCommand, runUnit)),
  token: () => import("./token.ts").then(({ tokenGroup }) => several(tokenGroup)),
  luno: () => import("./luno.ts").then(({ lunoCommand, runLuno }) => single(lunoCommand, runLuno)),
  completion: async () => {
    const { completionCommand, runCompletion } = await import("./completion.ts");
    const { completionTree } = await import("./completion-tree.ts");
    return single(completionCommand, async (runtime, argv) =>
      runCompletion(runtime, argv, completionTree(await allCommands())),
    );
  },
  man: async () => {
    const { manCommand, runMan } = await import("./man.ts");
    return single(manCommand, async (runtime, argv) =>
      runMan(
        runtime,
        argv,
        (await allCommands()).flatMap(({ specs }) => specs),
      ),
    );
  },
};

/** Every one of them, in the order of the help. */
export function allCommands(known: Commands = commands): Promise<Command[]> {
  return Promise.all(Object.values(known).map((load) => load()));
}

function single(spec: CommandSpec, run: Command["run"]): Command {
  return { name: spec.name, summary: spec.summary, specs: [spec], run };
}

function several(group: Group, run: Command["run"] = (runtime, argv) => runGroup(runtime, group, argv)): Command {
  return { name: group.name, summary: group.summary, specs: specsOf(group), run };
}
