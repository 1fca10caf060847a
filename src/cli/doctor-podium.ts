import type { Loaded } from "../config/effective.ts";
import { systemClock } from "../lib/clock.ts";
import { createPodiumClient } from "../podium/client.ts";
import { statusSource } from "../podium/status.ts";
import type { Verdict } from "../podium/verdict.ts";
import type { Runtime } from "../runtime/types.ts";
import { ExchangeError } from "../runtime/types.ts";
import { LiveSigner } from "./live-signer.ts";
import type { Finding } from "./doctor-finding.ts";
import { problem, warning, well } from "./doctor-finding.ts";

const check = "podium";
const tokenCheck = "podium token";
/** Podium's own health check can take several seconds. */
const healthMs = 10_000;
/** JSON that is cut is no JSON: room for a report on every part of it, and no more than that. */
const bodyLengthMax = 1_048_576;
/** Of its words a sentence or two are shown. */
const reasonCharsMax = 200;
/** The Date header has whole seconds; NTP keeps machines within milliseconds. */
const skewWarningMs = 5_000;

/**
 * Podium as this program reaches it: reads its health and its status, and commands nothing.
 * @param throughGateway Podium has answered the running gateway, which settles the question of the token
 */
export async function podiumFindings(runtime: Runtime, loaded: Loaded, throughGateway: boolean): Promise<Finding[]> {
  const [health, token] = await Promise.all([
    healthOf(runtime, loaded),
    throughGateway ? [well(tokenCheck, "Podium takes the gateway's requests")] : tokenFindings(runtime, loaded),
  ]);
  if ("unreachable" in health) return [unreachable(loaded, health.unreachable)];
  return [healthFinding(loaded, health), ...token, ...clockFindings(loaded, health)];
}

interface Health {
  readonly status: number;
  readonly text: string;
  /** Podium's clock minus ours; undefined without a Date header. */
  readonly aheadMs: number | undefined;
}

async function healthOf({ follow }: Runtime, { config }: Loaded): Promise<Health | { unreachable: string }> {
  const startedAt = Date.now();
  try {
    const url = `${config.podium.url}/health/orchestrator`;
    const answer = await follow({ url, headers: { accept: "application/json" }, headMs: healthMs, idleMs: healthMs });
    const ourTime = (startedAt + Date.now()) / 2;
    const date = Date.parse(answer.headers["date"] ?? "");
    // Whole seconds are cut off, so the clock stood half a second later on average.
    const aheadMs = Number.isNaN(date) ? undefined : date + 500 - ourTime;
    return { status: answer.status, text: await startOf(answer.chunks), aheadMs };
  } catch (error) {
    if (error instanceof ExchangeError) return { unreachable: error.message };
    throw error;
  }
}

async function startOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const chunk of chunks) {
    text += decoder.decode(chunk, { stream: true });
    if (text.length > bodyLengthMax) break;
  }
  return text.slice(0, bodyLengthMax);
}

function statusOf({ exchange, hmacSha256 }: Runtime, { config, secrets }: Loaded): Promise<Verdict> {
  const signer = new LiveSigner(config, secrets, systemClock, hmacSha256);
  const podium = createPodiumClient({ exchange, url: config.podium.url, timeoutMs: () => healthMs });
  return statusSource(podium, signer, config.podium.routes.status)();
}

function unreachable({ config, provenance }: Loaded, why: string): Finding {
  const where = provenance.get("podium.url")?.where ?? "built in";
  return problem(
    check,
    `Cannot reach Podium at ${config.podium.url} (podium.url, ${where}): ${why}`,
    isUntrusted.test(why)
      ? "Name whoever vouches for its certificate: set NODE_EXTRA_CA_CERTS=/path/to/ca.pem in the environment (on Deno DENO_CERT, too)"
      : "Start Podium, or set podium.url (or ROXY_PODIUM_BASE_URL) to where it listens",
  );
}

/** What the runtimes call a server that can't show over TLS who it is, such as `UNABLE_TO_VERIFY_LEAF_SIGNATURE`. */
const isUntrusted = /CERT|SIGNATURE|ISSUER/;

function healthFinding({ config }: Loaded, { status, text }: Health): Finding {
  const at = `Podium at ${config.podium.url}`;
  if (status >= 200 && status < 300) return well(check, `${at} is well`);
  if (status === 503 && isJson(text)) {
    return problem(
      check,
      `${at} is reachable but degraded: ${reasonIn(text)}`,
      "See to what Podium names; its own log says more",
    );
  }
  if (status === 404) return well(check, `${at} answers; it has no /health/orchestrator to tell more`);
  return warning(check, `${at} answers ${status} to its health check`, "See whether it is Podium that listens there");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

type Fields = Readonly<Record<string, unknown>>;

function reasonIn(text: string): string {
  const answer = JSON.parse(text) as unknown;
  const fields = (typeof answer === "object" && answer !== null ? answer : {}) as Fields;
  const { error, message, reason, detail, reasons, status } = fields;
  const listed = Array.isArray(reasons) ? reasons.filter((one) => typeof one === "string").join("; ") : "";
  const words = [error, message, reason, detail, listed, status];
  // That it is degraded has been said.
  const telling = words.find((word) => typeof word === "string" && !/^(degraded)?$/i.test(word));
  return (typeof telling === "string" ? telling : text).slice(0, reasonCharsMax);
}

async function tokenFindings(runtime: Runtime, loaded: Loaded): Promise<Finding[]> {
  const { podiumJwtSecret, podiumJwtPrivateKey, podiumToken } = loaded.secretOrigins;
  const from = podiumJwtSecret ?? podiumJwtPrivateKey ?? podiumToken;
  const verdict = await statusOf(runtime, loaded);
  if (verdict.kind === "accepted") {
    return [well(tokenCheck, from === undefined ? "Podium wants no token" : `Podium takes our token (from ${from})`)];
  }
  const isAuth = verdict.httpStatus === 401 || verdict.httpStatus === 403;
  if (!isAuth)
    return [problem(tokenCheck, `Podium's status can't be had: ${verdict.detail}`, "Podium's own log says more")];
  if (from === undefined) {
    const fix = "Set PODIUM_JWT_SECRET to Podium's own secret, or podium.jwt_secret_file to a file that holds it";
    return [problem(tokenCheck, `Podium wants a token and none is configured here: ${verdict.detail}`, fix)];
  }
  const fix = "Use the secret that Podium itself runs with; a clock that is off makes a right token wrong, too";
  return [problem(tokenCheck, `Podium refuses our token, made with the secret from ${from}: ${verdict.detail}`, fix)];
}

function clockFindings({ config }: Loaded, { aheadMs }: Health): Finding[] {
  if (aheadMs === undefined) return [];
  const seconds = Math.round(Math.abs(aheadMs) / 1000);
  const detail = `Podium's clock is ${seconds} s ${aheadMs > 0 ? "ahead of" : "behind"} ours`;
  const fix = "Let both machines keep time by NTP: timedatectl set-ntp true";
  if (Math.abs(aheadMs) <= skewWarningMs) return [well("clock", "Podium's clock agrees with ours")];
  const expires = Math.abs(aheadMs) > config.podium.token_ttl_s * 1000;
  return [expires ? problem("clock", `${detail}: tokens are refused`, fix) : warning("clock", detail, fix)];
}
