import { exitCodes, Fatal } from "../lib/errors.ts";
import { commit, version } from "../lib/version.ts";
import type { Runtime } from "../runtime/types.ts";
import { ExchangeError } from "../runtime/types.ts";
import { apiRequest } from "../wire/client.ts";
import type { GatewayAnswer } from "./answers.ts";
import { readyAnswerSchema } from "./answers.ts";
import type { Api } from "./api.ts";
import { expectReply, nobodyThere, Refused, wayTo } from "./api.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";
import { programName } from "./options.ts";
import type { PortOwner } from "./port-owner.ts";
import { portOwner } from "./port-owner.ts";
import type { ServerAddress } from "./server-address.ts";

const check = "gateway";
const readyMs = 5_000;
/** Podium's own status can take several seconds. */
const statusMs = 10_000;

interface Answers {
  readonly running: true;
  readonly gateway: GatewayAnswer;
  readonly reason: string;
}
interface Silent {
  readonly running: false;
  readonly detail: string;
}
export type GatewaySays =
  | ({ readonly kind: "ready" } & Answers)
  | ({ readonly kind: "not-ready" } & Answers)
  | { readonly kind: "refused"; readonly running: true; readonly refusal: Refused }
  | ({ readonly kind: "nobody" } & Silent)
  | ({ readonly kind: "mute" } & Silent)
  | ({ readonly kind: "somebody-else" } & Silent);

/** Who answers at the server's address. */
export async function gatewaySays(api: Api): Promise<GatewaySays> {
  try {
    const reply = await api.send(apiRequest("get", "/ready"), { timeoutMs: readyMs });
    const status = reply.status === 503 ? 200 : reply.status;
    const { success, reason = "", gateway } = expectReply(api.url, { ...reply, status }, readyAnswerSchema);
    return { kind: success ? "ready" : "not-ready", running: true, gateway, reason };
  } catch (error) {
    if (error instanceof Refused) return { kind: "refused", running: true, refusal: error };
    if (error instanceof ExchangeError) {
      const kinds = {
        unreachable: "nobody",
        timeout: "mute",
        broken: "somebody-else",
        too_large: "somebody-else",
      } as const;
      const kind = kinds[error.kind];
      return { kind, running: false, detail: error.message };
    }
    if (error instanceof Fatal && error.exitCode === exitCodes.unreachable) {
      return { kind: "somebody-else", running: false, detail: "it does not answer like roxy-core" };
    }
    throw error;
  }
}

/** Records that it says its audit log has; undefined where it does not say. */
export function recordsOf(says: GatewaySays): number | undefined {
  const seq = "gateway" in says ? says.gateway?.audit?.seq : undefined;
  return seq === undefined ? undefined : seq + 1;
}

/** Whether Podium has answered the gateway's own request: its secrets may be others than those of this shell. */
export async function gatewayReachesPodium(api: Api): Promise<boolean> {
  const reply = await api
    .send(apiRequest("get", "/api/orchestrator/status"), { timeoutMs: statusMs })
    .catch(() => undefined);
  return reply?.status === 200;
}

/** The port and the gateway on it. */
export async function gatewayFindings(runtime: Runtime, address: ServerAddress, says: GatewaySays): Promise<Finding[]> {
  const { url, warnings, tokenFix = "", isMistaken = false } = address;
  // The configuration's mistakes have findings of their own.
  const token = isMistaken ? [] : warnings.map((text) => problem("token", text, tokenFix));
  if (says.kind === "nobody") return [...token, notReached(url, says.detail)];
  const owner = isLocal(url) ? await portOwner(runtime, portOf(url)) : undefined;
  if (says.kind === "mute") return [...token, mute(url, says.detail, owner)];
  if (says.kind === "somebody-else") return [...token, taken(url, says.detail, owner)];
  if (says.kind === "refused") return [...token, refused(address, says.refusal)];
  const { gateway, kind, reason } = says;
  const by = owner?.pid === undefined ? "" : ` (pid ${owner.pid})`;
  const running = `roxy-core ${gateway?.version ?? "?"} answers at ${url}${by}`;
  const first =
    kind === "ready"
      ? well(check, running)
      : problem(
          check,
          `${running}, but takes no dispatch: ${reason}`,
          "Its log says more; see the audit findings below",
        );
  return [...token, first, ...versionFindings(gateway), ...telemetryFindings(gateway)];
}

function notReached(url: string, detail: string): Finding {
  const start = `Start it: ${programName} serve, or systemctl --user start roxy-core; or name another with --url`;
  const what = nobodyThere.test(detail) ? `Nobody listens at ${url}` : `Cannot reach ${url}: ${detail}`;
  return problem(check, what, wayTo(detail) ?? start);
}

function mute(url: string, detail: string, owner: PortOwner | undefined): Finding {
  const by = owner === undefined ? "" : `: ${ownerWords(owner)}`;
  const fix = "It hangs or is stopped: its log may say why, and a restart mends it; if it is not roxy-core, stop it";
  return problem(check, `${url} takes connections but does not answer (${detail})${by}`, fix);
}

function taken(url: string, detail: string, owner: PortOwner | undefined): Finding {
  const by = owner === undefined ? "another program" : ownerWords(owner);
  return problem(check, `${url} is taken by ${by}: ${detail}`, "Stop that program, or set listen.port to a free one");
}

function ownerWords({ pid, command, unit, uid }: PortOwner): string {
  if (pid === undefined) return `a process of user ${uid} (root can see which)`;
  return `${command ?? "a process"} (pid ${pid}${unit === undefined ? "" : `, ${unit}`})`;
}

function refused({ url, tokens, tokenFix = "" }: ServerAddress, { problem: { code, detail } }: Refused): Finding {
  if (code === "unauthorized") {
    const wanted = tokens?.at(-1) === undefined ? "a token" : "another token";
    return problem("token", `${url} wants ${wanted}: ${detail}`, tokenFix);
  }
  return problem(
    check,
    `${url} refuses us: ${detail} (${code})`,
    "Allow it in the gateway's configuration, or use another address",
  );
}

function versionFindings(gateway: GatewayAnswer): Finding[] {
  const other = gateway?.version !== version || gateway.commit !== commit;
  if (!other || gateway?.version === undefined) return [];
  const detail = `The gateway runs ${gateway.version} (${gateway.commit ?? "?"}), this program is ${version} (${commit})`;
  return [
    warning("version", detail, "Restart the gateway with the newer of the two: systemctl --user restart roxy-core"),
  ];
}

function telemetryFindings(gateway: GatewayAnswer): Finding[] {
  const upstream = gateway?.stream?.upstream;
  if (upstream === undefined) return [];
  if (upstream === "connected") return [well("telemetry", "The gateway hears Podium's telemetry")];
  return [
    problem(
      "telemetry",
      `The gateway does not hear Podium's telemetry: ${upstream}`,
      "See the Podium findings; when they are well, check podium.ws_url, and the gateway's log for podium_stream",
    ),
  ];
}

function isLocal(url: string): boolean {
  return /^(127\.|localhost$|\[::1\]$)/.test(new URL(url).hostname);
}

function portOf(url: string): number {
  const { port, protocol } = new URL(url);
  return port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
}
