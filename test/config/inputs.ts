import type { LoadInput } from "../../src/config/effective.ts";
import type { FlagSetting } from "../../src/config/overrides.ts";

/** A little machine: a home, a working folder, some files, an environment and flags. */
export interface World {
  readonly files?: Readonly<Record<string, string>>;
  readonly modes?: Readonly<Record<string, number>>;
  readonly env?: Readonly<Record<string, string>>;
  readonly flags?: readonly FlagSetting[];
  readonly configFile?: string;
}

export const defaultFile = "/home/mark/.roxy/roxy-core.jsonc";

export function inputOf(world: World): LoadInput {
  const { files = {}, modes = {}, env = {}, flags = [], configFile } = world;
  return {
    args: { settings: flags, ...(configFile !== undefined && { configFile }) },
    env,
    home: "/home/mark",
    cwd: "/desk",
    readText: (path) => (Object.hasOwn(files, path) ? files[path] : undefined),
    mode: (path) => modes[path] ?? 0o600,
  };
}

/** The configuration file at its usual place. */
export function withFile(text: string, rest: World = {}): LoadInput {
  return inputOf({ ...rest, files: { ...rest.files, [defaultFile]: text } });
}
