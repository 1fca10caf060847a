import type { Loaded } from "../config/effective.ts";
import { tokenFileBytesMax } from "../http/client-tokens.ts";
import { messageOf } from "../lib/errors.ts";
import type { ConfigRuntime } from "./config.ts";
import { programName } from "./options.ts";

/** Where the user's machine has always kept its one token. */
const ownTokenFile = "secret.token";

export interface OwnToken {
  readonly token?: string;
  readonly warnings: readonly string[];
  /** What to do when none is sent, or when the gateway wants another. */
  readonly tokenFix?: string;
}

/**
 * The token that our own commands show. `auth.token_file` when it is a bare token; when it holds named ones, of which
 * only digests are kept, the one in `$ROXY_ROOT/secret.token`.
 */
export function ownToken({ files }: Pick<ConfigRuntime, "files">, { config, root }: Loaded): OwnToken {
  const file = config.auth.token_file;
  if (file === undefined) return { warnings: [], tokenFix: `Set auth.token_file to ${gatewaysFile}` };
  const own = `${root}/${ownTokenFile}`;
  const add = `${programName} token add NAME --role admin`;
  let reading = `${file} (auth.token_file)`;
  try {
    const bare = bareTokenIn(files, file);
    if (bare !== undefined) {
      return { token: bare, warnings: [], tokenFix: `Set auth.token_file to ${gatewaysFile}; ${file} is another` };
    }
    reading = own;
    const token = files.stat(own) ? bareTokenIn(files, own) : undefined;
    if (token !== undefined) {
      const tokenFix = `Let the token in ${own} in: ${add} --from ${own}; or put one there that is let in`;
      return { token, warnings: [], tokenFix };
    }
    const remedy = `put this user's own token into ${own} (mode 600)`;
    return {
      warnings: [`${file} (auth.token_file) holds digests only, so no token is sent: ${remedy}`],
      tokenFix: `Put it into ${own}; where this user has none yet, ${add} prints one`,
    };
  } catch (error) {
    return {
      warnings: [`Cannot read ${reading}, so no token is sent: ${messageOf(error)}`],
      tokenFix: "Let this user read it, or run as the user that it belongs to",
    };
  }
}

const gatewaysFile = "the file that the gateway uses";

function bareTokenIn(files: ConfigRuntime["files"], path: string): string | undefined {
  const text = new TextDecoder().decode(files.readAll(path, tokenFileBytesMax)).trim();
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}
