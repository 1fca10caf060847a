import { counted } from "../lib/counted.ts";
import { configFilePath, loadConfig, rootFolder } from "../config/load.ts";
import { folderOf, resolvePath } from "../config/paths.ts";
import type { ClientToken, Role, TokenFile } from "../http/client-tokens.ts";
import {
  bareOwner,
  isRole,
  newClientToken,
  parseTokenFile,
  tokenFileBytesMax,
  tokenFileText,
  tokenNamePattern,
  tokensMax,
} from "../http/client-tokens.ts";
import { timestampOf } from "../lib/clock.ts";
import { exitCodes, Fatal, messageOf } from "../lib/errors.ts";
import type { FileLock, Runtime } from "../runtime/types.ts";
import { configInput } from "./config.ts";
import type { Group } from "./group.ts";
import type { CommandSpec, Given } from "./options.ts";
import { configArgs, helpText, parseOptions, programName, settingOptions, usageError } from "./options.ts";
import { printable, printableJson } from "./printable.ts";

/** `token add|list|remove`: who may call, with what role. Works on the file alone; a running server reads it again. */

const json = { name: "json", summary: "Print JSON" } as const;

const addCommand = {
  name: "token add",
  summary: "Make a token for a client and print it, once; only its SHA-256 is kept",
  usage: "NAME --role admin|viewer [options]",
  positionals: ["NAME"],
  options: [
    {
      name: "role",
      value: "admin|viewer",
      summary: "admin dispatches, viewer only reads",
      choices: ["admin", "viewer"],
    },
    { name: "from", value: "FILE", summary: "Take the token in this file instead of making one" },
    json,
    ...settingOptions,
  ],
  examples: [
    `${programName} token add voice-gateway --role admin`,
    `${programName} token add mark --role admin --from ~/.roxy/secret.token`,
  ],
} as const satisfies CommandSpec;

const listCommand = {
  name: "token list",
  summary: "Show who has a token, and its role",
  usage: "[options]",
  options: [json, ...settingOptions],
  examples: [`${programName} token list`],
} as const satisfies CommandSpec;

const removeCommand = {
  name: "token remove",
  summary: "Take a client's token back; it is refused from the next request on",
  usage: "NAME [options]",
  positionals: ["NAME"],
  options: settingOptions,
  examples: [`${programName} token remove voice-gateway`],
} as const satisfies CommandSpec;

export const tokenGroup: Group = {
  name: "token",
  summary: "Make, list and remove the tokens of clients",
  members: [
    { spec: addCommand, run: add },
    { spec: listCommand, run: list },
    { spec: removeCommand, run: remove },
  ],
};

interface Place {
  readonly path: string;
  /** Whether `auth.token_file` names it; if not, no client is asked yet. */
  readonly inUse: boolean;
}

/** `auth.token_file`, else where it would go. That a file with secrets is still missing is what these commands mend. */
function placeOf(runtime: Runtime, command: CommandSpec, given: readonly Given[]): Place {
  const args = configArgs(command, given);
  const input = configInput(runtime, args);
  const configFile = configFilePath(args.configFile, rootFolder(runtime.process, []), runtime.process);
  const readText = (path: string): string | undefined => input.readText(path) ?? (path === configFile ? undefined : "");
  const { config, root } = loadConfig({ ...input, readText });
  return { path: config.auth.token_file ?? `${root}/client-tokens`, inUse: config.auth.token_file !== undefined };
}

function read({ files, sha256 }: Runtime, path: string): TokenFile {
  try {
    if (files.stat(path) === undefined) return { tokens: [], isBare: false };
    return parseTokenFile(new TextDecoder().decode(files.readAll(path, tokenFileBytesMax)), sha256);
  } catch (error) {
    throw new Fatal(`Cannot use ${path}: ${messageOf(error)}`);
  }
}

/** @throws Fatal for a bare token: its clients read it from there themselves, and would be shut out */
function readNamed(runtime: Runtime, path: string): readonly ClientToken[] {
  const { tokens, isBare } = read(runtime, path);
  if (!isBare) return tokens;
  throw new Fatal(
    `${path} is one bare token that its clients read from there. Named tokens go into a file of their own: ` +
      `add --set auth.token_file=FILE here, take this one over with --from ${path}, then set auth.token_file to that file`,
  );
}

/** Another command changes the file in milliseconds; after this long something else holds the lock. */
const lockWaitMs = 5_000;
const lockPauseMs = 20;

/**
 * Reads the tokens, changes them and writes them, alone: of two commands at a time none must undo the other's change.
 * @throws Fatal when the lock is not to be had, or the file not to be changed
 */
async function changeTokens(
  runtime: Runtime,
  path: string,
  change: (tokens: readonly ClientToken[]) => readonly ClientToken[],
): Promise<void> {
  const { files } = runtime;
  let lock: FileLock | undefined;
  try {
    lock = await lockOf(files, path);
    files.writeAtomic(path, tokenFileText(change(readNamed(runtime, path))), 0o600);
  } catch (error) {
    throw error instanceof Fatal ? error : new Fatal(`Cannot change ${path}: ${messageOf(error)}`);
  } finally {
    lock?.release();
  }
}

async function lockOf(files: Runtime["files"], path: string): Promise<FileLock> {
  files.makeFolder(folderOf(path), 0o700);
  for (let waited = 0; ; waited += lockPauseMs) {
    const lock = files.lock(`${path}.lock`);
    if (lock) return lock;
    if (waited >= lockWaitMs) break;
    await new Promise((resolve) => setTimeout(resolve, lockPauseMs));
  }
  throw new Fatal(`Another command has been changing ${path} for ${lockWaitMs / 1000} s; nothing was changed`);
}

async function add(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(addCommand, argv);
  if (options.help) return print(runtime, helpText(addCommand));
  const [name = ""] = options.positionals;
  const role = roleOf(options.value("role"));
  if (!tokenNamePattern.test(name) || name === bareOwner) {
    throw usageError(addCommand, `A name is 1 to 64 letters, digits, '.', '_', '@' or '-', and not ${bareOwner}`);
  }
  const { path, inUse } = placeOf(runtime, addCommand, options.given);
  const from = options.value("from");
  const token = from === undefined ? newClientToken() : takenOver(runtime, from);
  const hash = runtime.sha256(token);
  await changeTokens(runtime, path, (tokens) => {
    if (tokens.some((one) => one.name === name)) throw new Fatal(`${path} has a token for ${name} already`);
    if (tokens.length >= tokensMax) throw new Fatal(`${path} holds ${tokensMax} tokens, which is the most`);
    if (tokens.some((one) => one.hash === hash)) throw new Fatal(`${path} has this token already, under another name`);
    return [...tokens, { name, role, hash, createdAt: timestampOf(Date.now()) }];
  });
  const hint = inUse ? undefined : `Clients are asked for it once auth.token_file is ${JSON.stringify(path)}`;
  if (options.has("json")) {
    const shown = { name, role, ...(from === undefined && { token }), file: path, in_use: inUse };
    return printJson(runtime, shown);
  }
  // The token alone on standard output, so that it can go straight into a file.
  if (from === undefined) runtime.process.stdout(`${token}\n`);
  const place = `${name} (${role}) is in ${path}.`;
  const once = from === undefined ? " The token is not shown again." : "";
  runtime.process.stderr(`${printable(`${place}${once} ${hint ?? ""}`)}\n`);
  return exitCodes.done;
}

function roleOf(word: string | undefined): Role {
  if (word !== undefined && isRole(word)) return word;
  throw usageError(addCommand, "--role needs admin or viewer");
}

function takenOver(runtime: Runtime, from: string): string {
  const { cwd, home } = runtime.process;
  const path = resolvePath(from, { folder: cwd, home });
  let text: string;
  try {
    text = new TextDecoder().decode(runtime.files.readAll(path, tokenFileBytesMax));
  } catch (error) {
    throw new Fatal(`Cannot take the token over from ${path}: ${messageOf(error)}`);
  }
  if (isOneToken(runtime, text)) return text.trim();
  throw new Fatal(`${path} is not one token of 16 to 512 printable characters without spaces`);
}

function isOneToken({ sha256 }: Runtime, text: string): boolean {
  try {
    return parseTokenFile(text, sha256).isBare;
  } catch {
    return false;
  }
}

function list(runtime: Runtime, argv: readonly string[]): number {
  const options = parseOptions(listCommand, argv);
  if (options.help) return print(runtime, helpText(listCommand));
  const { path, inUse } = placeOf(runtime, listCommand, options.given);
  const { tokens } = read(runtime, path);
  if (options.has("json")) {
    const shown = tokens.map(({ name, role, createdAt }) => ({ name, role, created_at: createdAt ?? null }));
    return printJson(runtime, { file: path, in_use: inUse, tokens: shown });
  }
  const width = Math.max(0, ...tokens.map(({ name }) => name.length));
  const lines = tokens.map(
    ({ name, role, createdAt = "" }) => `${name.padEnd(width)}  ${role.padEnd(6)}  ${createdAt}`,
  );
  const heading = `${path}: ${counted(tokens.length, "token")}${inUse ? "" : "; auth.token_file does not name it"}`;
  runtime.process.stderr(`${printable(heading)}\n`);
  return print(runtime, lines.map((line) => `${printable(line.trimEnd())}\n`).join(""));
}

async function remove(runtime: Runtime, argv: readonly string[]): Promise<number> {
  const options = parseOptions(removeCommand, argv);
  if (options.help) return print(runtime, helpText(removeCommand));
  const [name = ""] = options.positionals;
  const { path } = placeOf(runtime, removeCommand, options.given);
  await changeTokens(runtime, path, (tokens) => {
    const rest = tokens.filter((one) => one.name !== name);
    if (rest.length === tokens.length) throw new Fatal(`${path} has no token for ${JSON.stringify(name)}`);
    return rest;
  });
  runtime.process.stderr(`${printable(`${name} is out of ${path}`)}\n`);
  return exitCodes.done;
}

function printJson(runtime: Runtime, value: unknown): number {
  return print(runtime, `${printableJson(JSON.stringify(value))}\n`);
}

function print(runtime: Runtime, text: string): number {
  runtime.process.stdout(text);
  return exitCodes.done;
}
