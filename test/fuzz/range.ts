import fc from "fast-check";
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { startGateway } from "../../src/cli/gateway.ts";
import { loadConfig } from "../../src/config/load.ts";
import { silentLog } from "../../src/lib/log.ts";
import { systemClock } from "../../src/lib/clock.ts";
import { assertContract } from "../e2e/contract.ts";
import { runtime } from "#runtime";
import type { Heard } from "./raw-http.ts";
import { speak } from "./raw-http.ts";
import type { Shot } from "./requests.ts";
import { shot } from "./requests.ts";

export interface Score {
  readonly shots: number;
  readonly byStatus: ReadonlyMap<string, number>;
  readonly forwards: number;
}

export interface RangeOptions {
  readonly shots: number;
  readonly seed: number;
  /** Connections at a time. */
  readonly lanes: number;
  readonly onProgress?: (shots: number) => void;
}

/** Answers of 500 and more that a request may deserve: Podium's part, or a full lane. */
const deserved = new Set([502, 503, 504]);

/**
 * Fires generated requests over raw connections at a gateway in front of a willing Podium.
 * @throws Error at the first answer that is a fault of ours, a hang, or a forward that is not on record
 */
export async function fireAway({ shots, seed, lanes, onProgress }: RangeOptions): Promise<Score> {
  const root = mkdtempSync(path.join(tmpdir(), "roxy-fuzz-"));
  const forwarded: string[] = [];
  const podium = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      if (request.method === "POST") forwarded.push(request.headers.get("x-request-id") ?? "");
      return Response.json({ success: true, stories: [] });
    },
  });
  const gateway = await startGateway({
    runtime,
    config: configFor(root, `http://127.0.0.1:${podium.port}`),
    secrets: {},
    clock: systemClock,
    log: silentLog,
  });
  const byStatus = new Map<string, number>();
  const rounds = fc.sample(fc.integer(), { numRuns: Math.ceil(shots / batch), seed });
  let fired = 0;
  try {
    for (const round of rounds) {
      const rest = fc.sample(shot, { numRuns: Math.min(batch, shots - fired), seed: round });
      const lane = async (): Promise<void> => {
        for (let next = rest.pop(); next; next = rest.pop()) {
          const heard = await speak(gateway.port, next.bytes);
          judge(next, heard, seed);
          const key = heard.kind === "answer" ? `${heard.status}${codeIn(heard.body)}` : heard.kind;
          byStatus.set(key, (byStatus.get(key) ?? 0) + 1);
          fired++;
        }
      };
      await Promise.all(Array.from({ length: lanes }, lane));
      onProgress?.(fired);
    }
    await gateway.stop();
    assertRecorded(root, forwarded);
    return { shots: fired, byStatus, forwards: forwarded.length };
  } finally {
    await podium.stop(true);
    rmSync(root, { recursive: true, force: true });
  }
}

const batch = 500;

function configFor(root: string, podiumUrl: string) {
  const settings = {
    "listen.port": "0",
    "podium.url": podiumUrl,
    "limits.dispatch_per_minute": "1000000",
    "limits.story_cooldown_s": "0",
    "stream.clients_per_address_max": "100000",
    services: "[]",
  };
  return loadConfig({
    env: { ROXY_ROOT: root },
    home: root,
    cwd: root,
    readText: () => undefined,
    args: { settings: Object.entries(settings).map(([key, value]) => ({ key, value })) },
  }).config;
}

function codeIn(body: string): string {
  const code = /"code":"(\w+)"/.exec(body)?.[1];
  return code === undefined ? "" : ` ${code}`;
}

function judge(fired: Shot, heard: Heard, seed: number): void {
  const fail = (what: string): never => {
    throw new Error(`${what} (seed ${seed}) for:\n${JSON.stringify(fired.text)}\n${JSON.stringify(heard)}`);
  };
  if (heard.kind === "hang") fail("No answer");
  if (heard.kind !== "answer") return;
  const { status, headers, body } = heard;
  if (!(status >= 100 && status < 600)) fail("Not an answer");
  if (status >= 500 && !deserved.has(status)) fail("A fault of ours");
  try {
    assertContract(fired.method, fired.target, { status, headers, text: body, json: undefined });
  } catch (error) {
    fail(error instanceof Error ? error.message : "Not by the contract");
  }
}

/** Every command that reached Podium names a request whose intent is in the log. */
function assertRecorded(root: string, forwarded: readonly string[]): void {
  const logs = path.join(root, "logs");
  const text = readdirSync(logs)
    .filter((name) => name.endsWith(".jsonl"))
    .map((name) => readFileSync(path.join(logs, name), "utf8"))
    .join("");
  const records = text.split("\n").flatMap((line) => {
    return line === "" ? [] : [JSON.parse(line) as { event: string; request_id?: string; audit_id?: string }];
  });
  // oxlint-disable-next-line no-control-regex
  if (/[\u0000-\u0009\u000b-\u001f\u007f]/.test(text)) throw new Error("A control character is in the log as it is");
  const intents = records.filter(({ event }) => event === "intent");
  const counts = new Map<string, number>();
  for (const { request_id: id = "" } of intents) counts.set(id, (counts.get(id) ?? 0) + 1);
  for (const id of forwarded) {
    const left = counts.get(id) ?? 0;
    if (left === 0) throw new Error(`A command reached Podium without a record: ${id}`);
    counts.set(id, left - 1);
  }
  const outcomes = records.filter(({ event }) => event === "outcome" || event === "unknown");
  if (outcomes.length !== intents.length) throw new Error(`${intents.length} intents, ${outcomes.length} outcomes`);
}
