import { z } from "zod";
import type { Loaded, LoadInput } from "../config/effective.ts";
import { settings } from "../config/keys.ts";
import type { Examined } from "../config/load.ts";
import { configFilePath, examineConfig, loadConfig, mistakeText, rootFolder } from "../config/load.ts";
import { folderOf } from "../config/paths.ts";
import { configFileSchema } from "../config/schema.ts";
import { configTemplate } from "../config/template.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Group } from "./group.ts";
import type { CommandSpec, ConfigArgs } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions } from "./options.ts";
import { printable, printableJsonLines, printableLines } from "./printable.ts";
import { tokensRefusal } from "./tokens-refusal.ts";

/** What of the runtime the configuration needs. */
export type ConfigRuntime = {
  readonly files: Pick<Runtime["files"], "user" | "stat" | "readAll" | "writeNew" | "writeAtomic" | "makeFolder">;
  readonly process: Pick<Runtime["process"], "env" | "home" | "cwd" | "stdout" | "stderr">;
};

/** A check also reads what the file names. */
type CheckRuntime = ConfigRuntime & Pick<Runtime, "sha256">;

const json = { name: "json", summary: "Print JSON" } as const;

const checkCommand = {
  name: "config check",
  summary: "Find the mistakes in a configuration; exit code 1 when there are any",
  usage: "[FILE] [options]",
  positionals: ["[FILE]"],
  options: [...settingOptions, json],
  examples: [`${programName} config check`, `${programName} config check /etc/roxy-core.jsonc`],
} as const satisfies CommandSpec;

const showCommand = {
  name: "config show",
  summary: "Show every setting, its value and where it came from",
  usage: "[options]",
  options: [...settingOptions, json],
  examples: [`${programName} config show`, `${programName} config show --set podium.timeout_ms=5000 --json`],
} as const satisfies CommandSpec;

const initCommand = {
  name: "config init",
  summary: "Write a configuration file that explains every setting and changes none",
  usage: "[FILE|-] [options]",
  positionals: ["[FILE]"],
  options: [
    { name: "config", value: "FILE", short: "c", summary: "Where to write; default $ROXY_ROOT/roxy-core.jsonc" },
    { name: "force", summary: "Replace a file that is already there" },
    { name: "stdout", summary: "Print the file instead of writing it" },
  ],
  examples: [`${programName} config init`, `${programName} config init --stdout`],
} as const satisfies CommandSpec;

const schemaCommand = {
  name: "config schema",
  summary: "Print the JSON Schema of the configuration file, for editors",
  usage: "",
  options: [json],
  examples: [`${programName} config schema > roxy-core.schema.json`],
} as const satisfies CommandSpec;

export const configGroup: Group<CheckRuntime> = {
  name: "config",
  summary: "Check, show or write the configuration",
  members: [
    { spec: checkCommand, run: check },
    { spec: showCommand, run: show },
    { spec: initCommand, run: init },
    { spec: schemaCommand, run: printSchema },
  ],
};

/** What {@link loadConfig} wants to know, from this process. */
export function configInput(runtime: ConfigRuntime, args: ConfigArgs): LoadInput {
  const { env, home, cwd } = runtime.process;
  return {
    args,
    env,
    home,
    cwd,
    readText: (path) => readText(runtime, path),
    facts: (path) => runtime.files.stat(path),
    user: runtime.files.user(),
  };
}

/** A configuration has a few KiB; more than this is some other file. */
const fileBytesMax = 1_048_576;

function readText(runtime: ConfigRuntime, path: string): string | undefined {
  if (path === "/dev/null") return "";
  const kind = runtime.files.stat(path)?.kind;
  if (kind === undefined) return undefined;
  if (kind === "symlink") throw new Error("it is a symbolic link, and those are not followed: name the file itself");
  // A pipe would be waited for without end.
  if (kind !== "file") throw new Error(kind === "folder" ? "it is a folder" : "it is not a regular file");
  const bytes = runtime.files.readAll(path, fileBytesMax);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new Error("it is not valid UTF-8");
  }
}

function print(runtime: ConfigRuntime, text: string): number {
  runtime.process.stdout(text.endsWith("\n") ? text : `${text}\n`);
  return exitCodes.done;
}

function printJson(runtime: ConfigRuntime, value: unknown): number {
  return print(runtime, printableJsonLines(JSON.stringify(value, null, 2)));
}

function check(runtime: CheckRuntime, argv: readonly string[]): number {
  const options = parseOptions(checkCommand, argv);
  if (options.help) return print(runtime, helpText(checkCommand));
  const args = configArgs(checkCommand, options.given);
  const [file] = options.positionals;
  const alone = file === undefined ? examineConfig(configInput(runtime, args)) : examineFile(runtime, args, file);
  const examined = withTokens(runtime, alone);
  if (options.has("json")) printJson(runtime, checkDocument(examined));
  else print(runtime, checkText(examined));
  if (examined.loaded) return exitCodes.done;
  return examined.usage ? exitCodes.usage : exitCodes.failed;
}

/** A file that is named as an argument: a mistake in its name is nobody's --config. */
function examineFile(runtime: ConfigRuntime, args: ConfigArgs, file: string): Examined {
  const examined = examineConfig(configInput(runtime, { ...args, configFile: file }));
  const mistakes = examined.mistakes.map((one) => (one.where === "--config" ? { ...one, where: "FILE" } : one));
  return { ...examined, mistakes };
}

/** The tokens are read as the start reads them, which ends where they can't be used. */
function withTokens(runtime: CheckRuntime, examined: Examined): Examined {
  const { loaded } = examined;
  const refusal = loaded && tokensRefusal(runtime, loaded.config);
  if (refusal === undefined) return examined;
  const key = "auth.token_file";
  const mistake = {
    where: loaded?.provenance.get(key)?.where ?? "",
    key,
    detail: `Expected client tokens: ${refusal}`,
  };
  return { ...examined, loaded: undefined, mistakes: [mistake] };
}

function checkDocument({ wantedFile, fileFound, loaded, mistakes, warnings }: Examined): unknown {
  return { valid: loaded !== undefined, file: fileFound ? wantedFile : null, mistakes, warnings };
}

function checkText({ wantedFile, fileFound, loaded, mistakes, warnings }: Examined): string {
  const valid = fileFound ? `${wantedFile} is valid` : `No file ${wantedFile}: the built-in defaults are used`;
  const verdict = loaded ? valid : mistakeText(mistakes);
  return [...warnings.map((warning) => `Warning: ${warning}`), verdict].map(printableLines).join("\n");
}

function show(runtime: ConfigRuntime, argv: readonly string[]): number {
  const options = parseOptions(showCommand, argv);
  if (options.help) return print(runtime, helpText(showCommand));
  const loaded = loadConfig(configInput(runtime, configArgs(showCommand, options.given)));
  if (options.has("json")) return printJson(runtime, showDocument(loaded));
  for (const warning of loaded.warnings) runtime.process.stderr(`${printableLines(`Warning: ${warning}`)}\n`);
  return print(runtime, showText(loaded));
}

interface Shown {
  readonly key: string;
  /** Undefined: not set. */
  readonly value: unknown;
  readonly source: string;
  readonly where: string;
}

function shownSettings({ config, provenance }: Loaded): Shown[] {
  return settings.map(({ key, path }) => {
    const value = path.reduce<unknown>((inner, step) => (inner as Record<string, unknown>)[step], config);
    return { key, value, source: "default", where: "", ...provenance.get(key) };
  });
}

/** The environment's names, which people know them by. Only whether they are set, never what they are. */
function shownSecrets({ secretOrigins: origins }: Loaded): Record<string, string> {
  const state = (origin: string | undefined): string => (origin === undefined ? "not set" : `set (from ${origin})`);
  return {
    PODIUM_JWT_SECRET: state(origins.podiumJwtSecret),
    PODIUM_JWT_SECRET_PREVIOUS: state(origins.podiumJwtSecretPrevious),
    "podium.jwt_private_key": state(origins.podiumJwtPrivateKey),
    "podium.jwt_private_key_previous": state(origins.podiumJwtPrivateKeyPrevious),
    ROXY_PODIUM_TOKEN: state(origins.podiumToken),
  };
}

function showDocument(loaded: Loaded): unknown {
  const shown = shownSettings(loaded).map(({ key, value, source, where }) => [
    key,
    { value: value ?? null, source, where },
  ]);
  return {
    root: loaded.root,
    file: loaded.file ?? null,
    settings: Object.fromEntries(shown),
    secrets: shownSecrets(loaded),
    warnings: loaded.warnings,
  };
}

/** Values past this push their own line to the right, not everybody's. */
const valueColumnMax = 32;

function showText(loaded: Loaded): string {
  const rows = [
    ["root", JSON.stringify(loaded.root), ""],
    ["file", loaded.file === undefined ? "none" : JSON.stringify(loaded.file), ""],
    ...shownSettings(loaded).map(({ key, value, where }) => [key, JSON.stringify(value) ?? "not set", where]),
    ...Object.entries(shownSecrets(loaded)).map(([name, state]) => [name, state, ""]),
  ];
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [keys, values] = [width(0), Math.min(width(1), valueColumnMax)];
  return rows
    .map(([key = "", value = "", where = ""]) => `${key.padEnd(keys)}  ${value.padEnd(values)}  ${where}`.trimEnd())
    .map(printableLines)
    .join("\n");
}

function init(runtime: ConfigRuntime, argv: readonly string[]): number {
  const options = parseOptions(initCommand, argv);
  if (options.help) return print(runtime, helpText(initCommand));
  const wanted = options.positionals[0] ?? options.value("config");
  const root = rootFolder(runtime.process, []);
  const text = configTemplate(root);
  if (options.has("stdout") || wanted === "-") return print(runtime, text);
  const path = configFilePath(wanted, root, runtime.process);
  writeTemplate(runtime, path, text, options.has("force"));
  return print(runtime, printable(`Wrote ${path}`));
}

/** 0600 like everything of ours: the file says where secrets are kept. */
function writeTemplate(runtime: ConfigRuntime, path: string, text: string, force: boolean): void {
  const cannot = (error: unknown): Fatal => new Fatal(`Cannot write ${path}: ${messageOf(error)}`);
  try {
    runtime.files.makeFolder(folderOf(path), 0o700);
  } catch (error) {
    throw cannot(error);
  }
  try {
    if (force) runtime.files.writeAtomic(path, text, 0o600);
    else runtime.files.writeNew(path, text, 0o600);
  } catch (error) {
    if ((error as { code?: unknown }).code === "EEXIST") {
      throw new Fatal(`${path} is already there; --force replaces it`);
    }
    throw cannot(error);
  }
}

function printSchema(runtime: ConfigRuntime, argv: readonly string[]): number {
  if (parseOptions(schemaCommand, argv).help) return print(runtime, helpText(schemaCommand));
  const schema = z.toJSONSchema(configFileSchema, { io: "input" });
  return printJson(runtime, { title: "Configuration of roxy-core", ...schema });
}
