import type { Loaded } from "../config/effective.ts";
import type { LikelyListen } from "../config/likely-listen.ts";
import { likelyListen } from "../config/likely-listen.ts";
import type { Examined } from "../config/load.ts";
import { examineConfig, mistakeText } from "../config/load.ts";
import type { PathBase } from "../config/paths.ts";
import { resolvePath } from "../config/paths.ts";
import type { Config } from "../config/schema.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";
import { configInput } from "./config.ts";
import type { ConfigRuntime } from "./config.ts";
import type { CommandSpec, Given } from "./options.ts";
import { configArgs, usageError } from "./options.ts";
import { ownTokens } from "./own-token.ts";
import { printableLines } from "./printable.ts";

/** Where the server is, and what it wants to see. */
export interface ServerAddress {
  /** Base URL without a final slash, or `unix:` and a socket's path: as people are told. */
  readonly url: string;
  /** For X-ROXY-Token, in the order in which they are shown to a server that asks for one; undefined stands for none. */
  readonly tokens?: readonly (string | undefined)[];
  /** What had to be passed over to get here. */
  readonly warnings: readonly string[];
  /** What to do about a token that is missing, or not the right one. */
  readonly tokenFix?: string;
  /** The configuration has mistakes: the warnings are about these. */
  readonly isMistaken?: boolean;
  /** The mistakes may hide that the server is elsewhere. */
  readonly isGuess?: boolean;
}

/** What stands in for a configuration with mistakes, where asking somebody is better than asking nobody. */
const defaultUrl = "http://127.0.0.1:8000";

export interface AddressOptions {
  /** A mistake in the configuration must not stand in the way: the emergency stop is no time to edit files. */
  readonly regardless?: boolean;
}

/**
 * `--url`, else where the configuration lets the server listen.
 * @throws Fatal for bad usage (2) or a configuration that can't be used (1)
 */
export function serverAddress(
  runtime: ConfigRuntime,
  command: CommandSpec,
  given: readonly Given[],
  { regardless = false }: AddressOptions = {},
): ServerAddress {
  const named = given.findLast(({ name }) => name === "url")?.value;
  const { cwd, home } = runtime.process;
  const url = named === undefined ? undefined : baseUrl(command, named, { folder: cwd, home });
  const input = configInput(runtime, configArgs(command, given));
  const examined = examineConfig(input);
  if (examined.loaded) return fromConfig(runtime, command, examined.loaded, { url, isNamed: isNamed(given) });
  // With --url the configuration only adds the token; a mistake elsewhere in it is no reason not to ask.
  if (examined.usage || (url === undefined && !regardless)) throw unusable(examined);
  const likely = likelyListen(input, examined.wantedFile);
  const place =
    url === undefined ? likelyUrl(likely, hasLostRoot(examined) && !isNamed(given)) : { url, isGuess: false };
  // A stranger, such as a guess may reach, does not see the configuration's own token.
  const tokenFile = url === undefined && !place.isGuess && !isNamed(given) ? likely.tokenFile : undefined;
  const { tokens, warnings, tokenFix } = ownTokens(runtime, examined.root, tokenFile);
  const unsent = tokenFile === undefined ? ", so its token is not sent" : "";
  const warning = `The configuration has mistakes${unsent}:\n${mistakeText(examined.mistakes)}`;
  return {
    ...place,
    tokens: [undefined, ...tokens],
    warnings: [warning, ...warnings, ...(place.isGuess ? [`${place.url} is a guess: --url names the gateway`] : [])],
    tokenFix:
      tokenFile === undefined
        ? `Mend the configuration: while it has mistakes, its token is not sent. Without it: ${tokenFix}`
        : tokenFix,
    isMistaken: true,
  };
}

/** Whoever names a server may have named a stranger's. */
function isNamed(given: readonly Given[]): boolean {
  const naming = ["url", "host", "port"];
  return given.some(({ name, value }) => naming.includes(name) || (name === "set" && value?.startsWith("listen.")));
}

/** A slip in the configuration must not send an emergency stop to another port. */
function likelyUrl({ listen, isGuess }: LikelyListen, isLost: boolean): Pick<ServerAddress, "url" | "isGuess"> {
  const url = urlOf(listen);
  return url === undefined ? { url: defaultUrl, isGuess: true } : { url, isGuess: isGuess || isLost };
}

/** The file may lie where the root was meant to be. */
function hasLostRoot({ mistakes }: Examined): boolean {
  return mistakes.some(({ where }) => where === "ROXY_ROOT");
}

function unusable({ mistakes, usage }: Examined): Fatal {
  return new Fatal(mistakeText(mistakes), usage ? exitCodes.usage : exitCodes.failed);
}

/**
 * The configuration's own server gets the token at once where the configuration says that it wants one; any other one has
 * to ask for it first.
 */
function fromConfig(
  runtime: ConfigRuntime,
  command: CommandSpec,
  { config, root }: Loaded,
  named: { readonly url: string | undefined; readonly isNamed: boolean },
): ServerAddress {
  const url = named.url ?? urlOf(config.listen);
  if (url === undefined) {
    throw usageError(command, "listen.port is 0, which is any free port: name the server with --url or --port");
  }
  const tokenFile = config.auth.token_file;
  const { tokens, ...own } = ownTokens(runtime, root, tokenFile);
  const atOnce = tokenFile !== undefined && !named.isNamed && tokens.length > 0;
  return { url, tokens: atOnce ? tokens : [undefined, ...tokens], ...own };
}

/** Undefined when it can't be known. An address that means "everywhere" is reached over loopback. */
export function urlOf({ host, port, tcp, socket }: Config["listen"]): string | undefined {
  if (!tcp) return `unix:${socket ?? ""}`;
  if (port === 0) return undefined;
  const bare = host.replace(/^\[|\]$/g, "");
  const reachable = bare === "0.0.0.0" ? "127.0.0.1" : /^[0:]+$/.test(bare) ? "::1" : bare;
  return `http://${reachable.includes(":") ? `[${reachable}]` : reachable}:${port}`;
}

/** Takes `127.0.0.1:8001` as well: people leave the scheme out. */
function baseUrl(command: CommandSpec, text: string, place: PathBase): string {
  const trimmed = text.trim();
  if (trimmed.startsWith("unix:")) return socketUrl(command, trimmed.slice("unix:".length), place);
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(trimmed) ? trimmed : `http://${trimmed}`;
  const url = URL.canParse(full) ? new URL(full) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.hostname === "" || url.search !== "" || url.hash !== "") {
    throw usageError(
      command,
      "--url needs an http:// or https:// URL, such as http://127.0.0.1:8000, or unix:/path/to/socket",
    );
  }
  if (url.username !== "" || url.password !== "") {
    throw usageError(command, "--url takes no user name or password: a token belongs in a file, see auth.token_file");
  }
  return url.href.replace(/\/+$/, "");
}

function socketUrl(command: CommandSpec, path: string, place: PathBase): string {
  if (path.replaceAll("/", "") === "") throw usageError(command, "--url unix: needs the path of a socket");
  return `unix:${resolvePath(path.replace(/^\/\/(?=\/)/, ""), place)}`;
}

/** Warnings go to standard error, one by one. */
export function tellWarnings({ process }: ConfigRuntime, warnings: readonly string[]): void {
  for (const warning of warnings) process.stderr(`${printableLines(`Warning: ${warning}`)}\n`);
}
