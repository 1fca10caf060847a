import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import { changeableWarnings } from "./changeable.ts";
import type { Layers, Loaded, LoadInput, Surroundings } from "./effective.ts";
import { effective, placeIn } from "./effective.ts";
import type { Jsonc } from "./jsonc.ts";
import { parseJsonc } from "./jsonc.ts";
import { pathPattern } from "./kinds.ts";
import type { Finding, Mistake } from "./mistakes.ts";
import { dotted, findingsIn, lineOf } from "./mistakes.ts";
import type { Override } from "./overrides.ts";
import { overridesOf, presentIn, withOverride } from "./overrides.ts";
import { resolvePath } from "./paths.ts";
import { configFileSchema } from "./schema.ts";

const configFileName = "roxy-core.jsonc";

/** What {@link examineConfig} found: mistakes, or a configuration without any. */
export interface Examined {
  readonly root: string;
  /** Where the configuration was looked for. */
  readonly wantedFile: string;
  readonly fileFound: boolean;
  readonly mistakes: readonly Mistake[];
  readonly warnings: readonly string[];
  readonly loaded: Loaded | undefined;
  /** The command line is to blame, so the process ends with exit code 2. */
  readonly usage: boolean;
}

/** A file has no end of mistakes when it is the wrong file; nobody reads more than this many. */
const mistakesShownMax = 50;

/**
 * The effective configuration: flags beat environment, environment beats file, file beats defaults.
 * @throws Fatal with every mistake on a line of its own; exit code 2 when the command line is to blame, else 1
 */
export function loadConfig(input: LoadInput): Loaded {
  const examined = examineConfig(input);
  if (examined.loaded) return examined.loaded;
  throw new Fatal(mistakeText(examined.mistakes), examined.usage ? exitCodes.usage : exitCodes.failed);
}

export function mistakeText(mistakes: readonly Mistake[]): string {
  const lines = mistakes.slice(0, mistakesShownMax).map(lineOf);
  if (mistakes.length > mistakesShownMax) lines.push(`… and ${mistakes.length - mistakesShownMax} more`);
  return lines.join("\n");
}

/** The same without throwing for mistakes in the configuration: for `config check`. */
export function examineConfig(input: LoadInput): Examined {
  const warnings: string[] = [];
  const mistakes: Mistake[] = [];
  const root = rootFolder(input, warnings);
  mistakes.push(...rootMistakes(input, root));
  const wantedFile = configFilePath(input.args.configFile, root, input);
  const file = readFile(input, wantedFile, mistakes);
  if (file) warnings.push(...changeableWarnings(input, wantedFile));
  const overrides = overridesOf(input.env, input.args.settings, warnings);
  mistakes.push(...overrides.flatMap(overrideMistakes));
  const layers: Layers = { input, root, wantedFile, file, overrides };
  const loaded = mistakes.length === 0 ? effective(layers, mistakes, warnings) : undefined;
  const usage = mistakes.some(({ where }) => where.startsWith("--"));
  return { root, wantedFile, fileFound: file !== undefined, mistakes, warnings, loaded, usage };
}

/** The folder that everything else is found from: `$ROXY_ROOT`, else `~/.roxy`. */
export function rootFolder(place: Surroundings, warnings: string[]): string {
  const wanted = presentIn(place.env, "ROXY_ROOT", warnings) ?? "~/.roxy";
  return resolvePath(wanted, { folder: place.cwd, home: place.home });
}

/** Paths of settings hang on it, and each of them is held to this. */
function rootMistakes({ env }: Surroundings, root: string): Mistake[] {
  if (pathPattern.test(root)) return [];
  const where = env["ROXY_ROOT"] ? "ROXY_ROOT" : "HOME";
  return [{ where, key: "", detail: "Expected a path without control characters, such as a line break" }];
}

/** `--config FILE`, else the file's name in the root folder. */
export function configFilePath(named: string | undefined, root: string, place: Surroundings): string {
  if (named === undefined) return resolvePath(configFileName, { folder: root, home: place.home });
  return resolvePath(named, { folder: place.cwd, home: place.home });
}

/** The file by itself must be right, even where a flag would beat it: `config check` must not depend on the day. */
function readFile(input: LoadInput, path: string, mistakes: Mistake[]): Jsonc | undefined {
  let text: string | undefined;
  try {
    text = input.readText(path);
  } catch (error) {
    mistakes.push({ where: path, key: "", detail: `Cannot read the configuration: ${messageOf(error)}` });
    return undefined;
  }
  if (text === undefined) {
    if (input.args.configFile !== undefined) {
      mistakes.push({ where: "--config", key: "", detail: `There is no file ${path}` });
    }
    return undefined;
  }
  const file = parseJsonc(text);
  mistakes.push(...fileMistakes(file, path));
  return file;
}

function fileMistakes(file: Jsonc, path: string): Mistake[] {
  if (file.mistakes.length > 0) {
    return file.mistakes.map(({ line, column, path: at, detail }) => ({
      where: `${path}:${line}:${column}`,
      key: dotted(at),
      detail,
    }));
  }
  if (file.value === undefined) return [];
  return findingsIn(configFileSchema, file.value)
    .map((finding) => ({ finding, at: file.placeOf(finding.path, finding.part) }))
    .toSorted((a, b) => a.at.line - b.at.line || a.at.column - b.at.column)
    .map(({ finding }) => mistakeOf(finding, placeIn(file, path, finding)));
}

function mistakeOf(finding: Finding, where: string): Mistake {
  return { where, key: dotted(finding.path), detail: finding.detail };
}

/** Each override is tried alone on an empty file, so that a mistake is certainly its own. */
function overrideMistakes(override: Override): Mistake[] {
  const findings = findingsIn(configFileSchema, withOverride({}, override));
  return findings.map((finding) => mistakeOf(finding, override.origin.where));
}
