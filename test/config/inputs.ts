import type { LoadInput } from "../../src/config/effective.ts";
import type { FlagSetting } from "../../src/config/overrides.ts";
import type { PathFacts } from "../../src/config/secrets.ts";

/** A little machine: a home, a working folder, some files, an environment and flags. */
export interface World {
  readonly files?: Readonly<Record<string, string>>;
  readonly modes?: Readonly<Record<string, number>>;
  readonly owners?: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly FlagSetting[];
  readonly configFile?: string;
}

const mark = 1000;
export const defaultFile = "/home/mark/.roxy/roxy-core.jsonc";

export function inputOf(world: World): LoadInput {
  const { files = {}, modes = {}, owners = {}, env = {}, flags = [], configFile } = world;
  return {
    args: { settings: flags, ...(configFile !== undefined && { configFile }) },
    env,
    home: "/home/mark",
    cwd: "/desk",
    readText: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
    facts: (path) => factsOf(Object.hasOwn(files, path) ? "file" : "folder", modes[path], owners[path]),
    user: mark,
  };
}

function factsOf(kind: PathFacts["kind"], mode = kind === "file" ? 0o600 : 0o755, owner = mark): PathFacts {
  return { kind, mode, owner };
}

/** The configuration file at its usual place. */
export function withFile(text: string, rest: World = {}): LoadInput {
  return inputOf({ ...rest, files: { ...rest.files, [defaultFile]: text } });
}
