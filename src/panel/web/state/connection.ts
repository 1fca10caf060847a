import type { Halted } from "./halted.ts";

/** What the page knows of its connections, each fact from the place where it shows first. */
export interface ConnectionFacts {
  /** roxy-core: `lost` when requests fail, `silent` when they hang. */
  readonly gateway: "unknown" | "up" | "silent" | "lost";
  readonly gatewaySince: string;
  readonly tokenNeeded: boolean;
  readonly stream: "connecting" | "open" | "closed";
  /** GATEWAY_STATUS: roxy-core's own connection to Podium's telemetry. */
  readonly upstream: "unknown" | "connecting" | "connected" | "disconnected";
  readonly upstreamSince: string;
  /** What the question for Podium's status came to last; `silent` when it was not answered in time. */
  readonly podium: "unknown" | "answered" | "failed" | "silent";
  readonly podiumDetail: string;
  /** What Podium's health check says, as the port map has it. */
  readonly podiumHealth: "unknown" | "up" | "degraded" | "down";
  /** `open` unless the audit log can't be written. */
  readonly audit: string;
  /** Why roxy-core would take no dispatch right now, in its words; empty when it would. */
  readonly refuses: string;
  /** When it was asked for these two, in milliseconds; 0 before. */
  readonly readyAskedMs: number;
  /** Connected again, but what is shown has not been read anew yet. */
  readonly catchingUp: boolean;
  /** Time over which telemetry may have been missed, until somebody has seen it. */
  readonly gap: { readonly from?: string; readonly to: string } | undefined;
  /** This page reads more slowly than the frames come. */
  readonly behind: boolean;
  /** Podium's frames that roxy-core could not pass on. */
  readonly ignored: number;
}

export const noFacts: ConnectionFacts = {
  gateway: "unknown",
  gatewaySince: "",
  tokenNeeded: false,
  stream: "connecting",
  upstream: "unknown",
  upstreamSince: "",
  podium: "unknown",
  podiumDetail: "",
  podiumHealth: "unknown",
  audit: "open",
  refuses: "",
  readyAskedMs: 0,
  catchingUp: true,
  gap: undefined,
  behind: false,
  ignored: 0,
};

export interface ConnectionWord {
  readonly level: "good" | "busy" | "warn" | "bad";
  readonly word: string;
  readonly detail: string;
  /** It tells of a gap, which can be seen and put away. */
  readonly isGap?: boolean;
}

/**
 * One word for it, the worst first: what makes everything below it meaningless is said before it.
 * @param time how to write an RFC 3339 time
 * @param halted what the orchestrator says of itself, when that is that nothing is started
 */
export function connectionWord(
  facts: ConnectionFacts,
  time: (at: string) => string,
  halted: Halted = {},
): ConnectionWord {
  const away = gatewayWord(facts, time) ?? podiumAwayWord(facts, time);
  if (away) return away;
  const isHalted = halted.haltedAs !== undefined;
  // Its health check is not well because of the halt: that is said once.
  const podiumHealth = isHalted && facts.podiumHealth === "degraded" ? "up" : facts.podiumHealth;
  const rest = podiumWeakWord({ ...facts, podiumHealth }, time) ?? streamWord(facts, time);
  return isHalted ? haltedWord(halted, rest) : rest;
}

/** Nothing runs, whatever else is to be said: that comes after it. */
function haltedWord({ haltedAs, since = "" }: Halted, rest: ConnectionWord): ConnectionWord {
  const { level, detail } = rest;
  const words = `The orchestrator says that it is ${haltedAs}${since}: what waits stays there until it is started again there.`;
  return { ...rest, ...said("warn", "Halted", level === "good" ? `Live. ${words}` : `${words} ${detail}`) };
}

type Time = (at: string) => string;

function gatewayWord({ gateway, gatewaySince, tokenNeeded, audit, refuses }: ConnectionFacts, time: Time) {
  if (gateway === "unknown" && !tokenNeeded) return said("busy", "Connecting", "Asking roxy-core how things stand.");
  const since = gatewaySince === "" ? "" : ` since ${time(gatewaySince)}`;
  if (gateway === "lost") {
    return said(
      "bad",
      "Gateway lost",
      `roxy-core can't be reached${since}. What is shown is from then; trying again all the time.`,
    );
  }
  if (gateway === "silent") {
    return said(
      "bad",
      "Gateway silent",
      `roxy-core takes connections but does not answer${since}. Halt is still tried.`,
    );
  }
  if (tokenNeeded) return said("warn", "Token needed", "This roxy-core asks every client for its token.");
  if (audit !== "open") {
    return said(
      "bad",
      "Log closed",
      `The audit log is ${audit}: what can't be recorded is not sent, not even a halt. Restart roxy-core; until then stop the orchestrator's own process where it must stop.`,
    );
  }
  if (refuses !== "") return said("bad", "Takes nothing", `${refuses}. A halt is still taken.`);
  return undefined;
}

/** Podium is not there, as far as can be told. */
function podiumAwayWord(facts: ConnectionFacts, time: Time): ConnectionWord | undefined {
  const { upstream, podium, podiumDetail, podiumHealth } = facts;
  const since = sinceWords(facts, time);
  const offline = isOffline(upstream);
  if (offline && podium === "failed") {
    return said("bad", "Podium lost", `roxy-core can't reach the orchestrator${since}. A dispatch now would not run.`);
  }
  if (podium === "silent") return said("bad", "Podium silent", `${podiumDetail} A command may get no answer either.`);
  if (offline && podium === "unknown") {
    return said("bad", "Podium lost", `Its telemetry ended${since}; asking whether it still answers.`);
  }
  if (podiumHealth === "down" && podium !== "answered") {
    return said("bad", "Podium silent", "Podium does not answer its health check; asking for its status.");
  }
  return undefined;
}

/** Podium is there, and something about it is not as it should be. */
function podiumWeakWord(facts: ConnectionFacts, time: Time): ConnectionWord | undefined {
  const { upstream, podium, podiumDetail, podiumHealth } = facts;
  if (isOffline(upstream)) {
    const since = sinceWords(facts, time);
    return said(
      "warn",
      "Telemetry lost",
      `Podium answers, but its telemetry has been away${since}. Commands still work.`,
    );
  }
  if (podium === "failed") return said("warn", "Podium degraded", podiumDetail || "Podium does not tell its status.");
  if (podiumHealth === "degraded") {
    return said("warn", "Podium degraded", "Podium is reachable and says that it is not well.");
  }
  if (podiumHealth === "down") {
    return said("warn", "Podium degraded", "Podium tells its status; its last health check was not answered.");
  }
  return undefined;
}

/** What telemetry says: an answer from before it was lost says nothing about now. */
export function factsAfterUpstream(
  facts: ConnectionFacts,
  upstream: "connecting" | "connected" | "disconnected",
  at: string,
): ConnectionFacts {
  const wasAway = isOffline(facts.upstream);
  const upstreamSince = upstream === "connected" || !wasAway ? at : facts.upstreamSince;
  const podium = isOffline(upstream) && !wasAway && facts.podium === "answered" ? "unknown" : facts.podium;
  const isBack = upstream === "connected" && wasAway && facts.podiumHealth === "down";
  return { ...facts, upstream, upstreamSince, podium, ...(isBack && { podiumHealth: "unknown" }) };
}

/**
 * What the port map says: an answer from before the health check went unanswered says nothing about now; nor does a
 * check from before telemetry came back, which roxy-core remembers for seconds. Both times are roxy-core's own.
 */
export function factsAfterHealth(
  facts: ConnectionFacts,
  health: ConnectionFacts["podiumHealth"],
  checkedAt: string,
): ConnectionFacts {
  const isOld = facts.upstream === "connected" && checkedAt < facts.upstreamSince;
  const podiumHealth = health === "down" && isOld ? "unknown" : health;
  const isNews = podiumHealth === "down" && facts.podiumHealth !== "down";
  return { ...facts, podiumHealth, podium: isNews && facts.podium === "answered" ? "unknown" : facts.podium };
}

function sinceWords({ upstreamSince: at }: ConnectionFacts, time: Time): string {
  return at === "" ? "" : ` since ${time(at)}`;
}

function isOffline(upstream: ConnectionFacts["upstream"]): boolean {
  return upstream === "disconnected" || upstream === "connecting";
}

function streamWord(facts: ConnectionFacts, time: Time): ConnectionWord {
  const { stream, catchingUp, ignored } = facts;
  if (stream === "open" && catchingUp) {
    return said("busy", "Catching up", "Connected; reading what has happened meanwhile.");
  }
  const shortfall = shortfallWord(facts, time);
  if (shortfall) return shortfall;
  if (ignored > 0) {
    return said("good", "Live", `Podium's telemetry as it comes; ${ignored} of its frames could not be passed on.`);
  }
  return said("good", "Live", "Podium's telemetry as it comes.");
}

/** What the live stream does not bring, or has not brought. */
function shortfallWord({ stream, gap, behind }: ConnectionFacts, time: Time): ConnectionWord | undefined {
  if (stream !== "open") {
    return said("warn", "No stream", "The live stream is away: everything is read anew every three seconds instead.");
  }
  if (behind) return said("warn", "Behind", "Frames come faster than this page reads them.");
  if (!gap) return undefined;
  const from = gap.from === undefined ? "before" : `between ${time(gap.from)} and`;
  const detail = `Telemetry ${from} ${time(gap.to)} may be missing. The present state was read anew.`;
  return { ...said("warn", "Live, with a gap", detail), isGap: true };
}

function said(level: ConnectionWord["level"], word: string, detail: string): ConnectionWord {
  return { level, word, detail };
}
