import type { Config } from "../config/schema.ts";
import type { Runtime } from "../runtime/types.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";
import { socketRefusal } from "./socket-file.ts";
import { tokensRefusal } from "./tokens-refusal.ts";

/** What stands beside the configuration and lets clients in, as far as the next start looks at it. */
export function doorFindings(runtime: Runtime, config: Pick<Config, "auth" | "listen">): Finding[] {
  return [...tokenFindings(runtime, config), ...socketFindings(runtime, config)];
}

function tokenFindings(runtime: Runtime, { auth }: Pick<Config, "auth">): Finding[] {
  if (auth.token_file === undefined) return [];
  const file = `${auth.token_file} (auth.token_file)`;
  const refusal = tokensRefusal(runtime, { auth });
  if (refusal === undefined) return [well("token file", `${file} can be used`)];
  const fix = `Mend it; where it holds no token, ${programName} token add NAME --role admin makes one`;
  return [problem("token file", `The gateway does not start with ${file}: ${refusal}`, fix)];
}

function socketFindings({ files }: Runtime, { listen }: Pick<Config, "listen">): Finding[] {
  if (listen.socket === undefined) return [];
  const refusal = socketRefusal(files, listen.socket);
  if (refusal === undefined) return [well("socket", `${listen.socket} is, or can be, a socket of ours alone`)];
  return [problem("socket", refusal.message, "Move it away or mend it as said, or set listen.socket to another path")];
}
