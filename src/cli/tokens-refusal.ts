import type { Config } from "../config/schema.ts";
import { TokenStore } from "../http/token-store.ts";
import { messageOf } from "../lib/errors.ts";
import { silentLog } from "../lib/log.ts";
import type { Runtime } from "../runtime/types.ts";

type Reading = Pick<Runtime, "sha256"> & { readonly files: Pick<Runtime["files"], "stat" | "readAll" | "user"> };

/** Why the next start can't use `auth.token_file`; undefined when it can, or none is named. */
export function tokensRefusal({ files, sha256 }: Reading, { auth }: Pick<Config, "auth">): string | undefined {
  if (auth.token_file === undefined) return undefined;
  try {
    void new TokenStore({ files, sha256, log: silentLog, path: auth.token_file });
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
}
