import type { Loaded } from "../config/effective.ts";
import { tokenFileBytesMax } from "../http/client-tokens.ts";
import { messageOf } from "../lib/errors.ts";
import type { ConfigRuntime } from "./config.ts";

/** Where the user's machine has always kept its one token. */
const ownTokenFile = "secret.token";

export interface OwnToken {
  readonly token?: string;
  readonly warnings: readonly string[];
}

/**
 * The token that our own commands show. `auth.token_file` when it is a bare token; when it holds named ones, of which
 * only digests are kept, the one in `$ROXY_ROOT/secret.token`.
 */
export function ownToken({ files }: Pick<ConfigRuntime, "files">, { config, root }: Loaded): OwnToken {
  const file = config.auth.token_file;
  if (file === undefined) return { warnings: [] };
  try {
    const own = `${root}/${ownTokenFile}`;
    const token = bareTokenIn(files, file) ?? (files.stat(own) ? bareTokenIn(files, own) : undefined);
    if (token !== undefined) return { token, warnings: [] };
    const remedy = `put this user's own token into ${own} (mode 600)`;
    return { warnings: [`${file} (auth.token_file) holds digests only, so no token is sent: ${remedy}`] };
  } catch (error) {
    return { warnings: [`Cannot read ${file} (auth.token_file), so no token is sent: ${messageOf(error)}`] };
  }
}

function bareTokenIn(files: ConfigRuntime["files"], path: string): string | undefined {
  const text = new TextDecoder().decode(files.readAll(path, tokenFileBytesMax)).trim();
  return /^[\x21-\x7e]+$/.test(text) ? text : undefined;
}
