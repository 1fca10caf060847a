import type { Clock } from "../lib/clock.ts";
import { timestampOf } from "../lib/clock.ts";
import type { Exchange } from "../runtime/types.ts";

export interface Neighbour {
  readonly name: string;
  readonly url: string;
  /** Path that answers 2xx when it is well. */
  readonly health: string;
}

export interface NeighbourHealth {
  readonly name: string;
  readonly url: string;
  readonly port: number;
  /** `degraded`: reachable, and says that it is not well. */
  readonly health: "up" | "degraded" | "down";
  readonly detail?: string;
  readonly checked_at: string;
}

export interface NeighboursOptions {
  readonly neighbours: readonly Neighbour[];
  readonly exchange: Exchange;
  readonly clock: Clock;
}

/** Podium's own health check can take several seconds; a port map should not wait longer for anybody. */
const patienceMs = 6_000;
/** A panel that is open all day should not knock at every door each second. */
const cacheMs = 10_000;
const answerBytesMax = 65_536;

/** Looks at each neighbour's health, at most once in `cacheMs`; never calls through. */
export function neighbourWatch(options: NeighboursOptions): () => Promise<readonly NeighbourHealth[]> {
  let cached: { at: number; health: Promise<readonly NeighbourHealth[]> } | undefined;
  return () => {
    const now = options.clock.monotonic();
    if (!cached || now - cached.at > cacheMs) {
      cached = { at: now, health: Promise.all(options.neighbours.map((neighbour) => look(options, neighbour))) };
    }
    return cached.health;
  };
}

async function look(
  { exchange, clock }: NeighboursOptions,
  { name, url, health }: Neighbour,
): Promise<NeighbourHealth> {
  const { port, protocol } = new URL(url);
  const facts = { name, url, port: port === "" ? (protocol === "https:" ? 443 : 80) : Number(port) };
  try {
    const { status } = await exchange({
      url: url.replace(/\/$/, "") + health,
      method: "GET",
      headers: { accept: "application/json" },
      timeoutMs: patienceMs,
      bodyBytesMax: answerBytesMax,
    });
    const well = status >= 200 && status < 300;
    const checked_at = timestampOf(clock.now());
    return well
      ? { ...facts, health: "up", checked_at }
      : { ...facts, health: "degraded", detail: `answers ${status}`, checked_at };
  } catch (error) {
    const detail = error instanceof Error ? error.message : "no answer";
    return { ...facts, health: "down", detail, checked_at: timestampOf(clock.now()) };
  }
}
