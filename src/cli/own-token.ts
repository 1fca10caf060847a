import { tokenFileBytesMax } from "../http/client-tokens.ts";
import { messageOf } from "../lib/errors.ts";
import { problemAnswerSchema } from "./answers.ts";
import type { ConfigRuntime } from "./config.ts";
import { programName } from "./options.ts";

/** Where the user's machine has always kept its one token. */
const ownTokenFile = "secret.token";

/** The tokens that our own commands may show. */
export interface OwnTokens {
  /** In the order in which they are tried. */
  readonly tokens: readonly string[];
  readonly warnings: readonly string[];
  /** What to do when none of them is let in. */
  readonly tokenFix: string;
}

/**
 * `auth.token_file` where it is a bare token, and `$ROXY_ROOT/secret.token` whenever it is there: an emergency stop
 * must not hang on a setting.
 * @param tokenFile `auth.token_file`; undefined also where the configuration can't be used
 */
export function ownTokens({ files }: Pick<ConfigRuntime, "files">, root: string, tokenFile?: string): OwnTokens {
  const own = `${root}/${ownTokenFile}`;
  const configured = tokenFile === undefined ? {} : bareTokenIn(files, tokenFile);
  const users = bareTokenIn(files, own, true);
  const tokens = [...new Set([configured.token, users.token].filter((token) => token !== undefined))];
  const unread = (file: string): string => `Let this user read ${file}, or run as the user that it belongs to`;
  const putIt = `this user's own token into ${own} (mode 600)`;
  const add = `${programName} token add NAME --role admin`;
  if (users.fault !== undefined) {
    const warning = `Cannot read ${own}, so no token is sent: ${users.fault}`;
    return { tokens, warnings: tokens.length === 0 ? [warning] : [], tokenFix: unread(own) };
  }
  if (users.token !== undefined) {
    const tokenFix = `The gateway does not know the token in ${own}: whoever runs it lets it in with ${add} --from FILE; or put one there that is let in`;
    return { tokens, warnings: [], tokenFix };
  }
  const ifNone = `where there is none yet, whoever runs the gateway makes one with ${add}`;
  if (tokenFile === undefined) return { tokens, warnings: [], tokenFix: `Put ${putIt}; ${ifNone}` };
  if (configured.fault !== undefined) {
    const warning = `Cannot read ${tokenFile} (auth.token_file), so no token is sent: ${configured.fault}`;
    return { tokens, warnings: [warning], tokenFix: `${unread(tokenFile)}; or put ${putIt}; ${ifNone}` };
  }
  if (configured.token !== undefined) {
    const elsewhere = `${tokenFile} (auth.token_file) is not the gateway's: name the file that it uses`;
    return { tokens, warnings: [], tokenFix: `${elsewhere}, or put ${putIt}; ${ifNone}` };
  }
  const digests = `${tokenFile} (auth.token_file) holds digests only, so no token is sent: put ${putIt}`;
  return { tokens, warnings: [digests], tokenFix: `Put ${putIt}; ${ifNone}` };
}

interface Found {
  readonly token?: string;
  /** Why it can't be read. */
  readonly fault?: string;
}

function bareTokenIn(files: ConfigRuntime["files"], path: string, mayBeMissing = false): Found {
  try {
    if (mayBeMissing && !files.stat(path)) return {};
    const text = new TextDecoder().decode(files.readAll(path, tokenFileBytesMax)).trim();
    if (text === "") return { fault: "it is empty" };
    return /^[\x21-\x7e]+$/.test(text) ? { token: text } : {};
  } catch (error) {
    return { fault: messageOf(error) };
  }
}

interface Told {
  readonly status: number;
  /** The answer's body; of a stream only where it was refused. */
  readonly text: string;
}

/**
 * Asks, and asks again with the next token where the one before was refused in our gateway's words: by then nothing was
 * executed, and a stranger who asks for no token gets none. What was let in is shown from then on.
 * @param tokens undefined stands for none
 */
export function tokenShower(
  tokens: readonly (string | undefined)[],
): <T extends Told>(ask: (headers: Readonly<Record<string, string>>) => Promise<T>) => Promise<T> {
  let letIn = 0;
  return async (ask) => {
    for (let at = letIn; ; at++) {
      const token = tokens[at];
      const answer = await ask(token === undefined ? {} : { "x-roxy-token": token });
      const isRefused = asksForToken(answer);
      if (!isRefused) letIn = Math.max(letIn, at);
      if (!isRefused || at + 1 >= tokens.length) return answer;
    }
  };
}

function asksForToken({ status, text }: Told): boolean {
  if (status !== 401) return false;
  try {
    return problemAnswerSchema.safeParse(JSON.parse(text)).data?.code === "unauthorized";
  } catch {
    return false;
  }
}
