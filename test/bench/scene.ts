import { spawnSync } from "node:child_process";
import { join } from "node:path";
import type { Budget } from "./budget.ts";
import type { OursOptions } from "./ours.ts";
import { Worker } from "./worker.ts";

/** What all parts of the bench share. */
export interface Scene {
  /** Temporary, on a disk where fdatasync means something. */
  readonly folder: string;
  readonly binary: string;
  readonly hello: string;
  readonly podium: Worker;
  /** Why the earlier stack can't be measured; undefined when it can. */
  readonly pythonMissing: string | undefined;
  /** The root folder of a log of one dense day: 500 MB, or 100 MB in a quick run. Made once. */
  denseLog(budget: Budget): Promise<string>;
  /** A log of many days at the default limit. Made once. */
  oldLog(budget: Budget): Promise<Log & { readonly days: number }>;
  /** A log of this many records within one day. */
  newLog(name: string, days: number, records: number): Promise<Log>;
  /** Options for a gateway of our own, with a root folder of this name. */
  ours(name: string): OursOptions;
}

export interface Log {
  readonly root: string;
  readonly records: number;
}

/** At the default limit of 10 a minute. */
const dispatchesADay = 14_400;

export function sceneOf(parts: Pick<Scene, "folder" | "binary" | "hello" | "podium">): Scene {
  const { podium, binary, folder } = parts;
  const newLog = async (name: string, days: number, records: number): Promise<Log> => {
    const root = join(folder, `root-${name}`);
    const worker = await Worker.start("audit-log.ts");
    const made = await worker.ask<{ records: number }>({ fill: { root, days, records } });
    await worker.stop();
    return { root, records: made.records };
  };
  let dense: Promise<Log> | undefined;
  let old: Promise<Log> | undefined;
  return {
    ...parts,
    newLog,
    async denseLog(budget) {
      dense ??= newLog("dense", 1, budget.of(1_000_000, 200_000));
      return (await dense).root;
    },
    async oldLog(budget) {
      const days = budget.of(90, 4);
      old ??= newLog("old", days, 2 * days * dispatchesADay);
      return { ...(await old), days };
    },
    pythonMissing: missingPython(),
    ours: (name) => ({
      binary,
      root: join(folder, `root-${name}`),
      podiumPort: podium.ready.port,
      telemetryPort: podium.ready.telemetryPort,
    }),
  };
}

function missingPython(): string | undefined {
  const { status } = spawnSync("/usr/bin/python3", ["-c", "import fastapi, uvicorn, aiohttp, websockets"]);
  if (status === 0) return undefined;
  return "Debian's python3-fastapi, python3-uvicorn, python3-aiohttp or python3-websockets is missing";
}
