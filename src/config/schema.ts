import { z } from "zod";
import { logLevels } from "../lib/log.ts";
import { actions } from "../wire/dispatch.ts";
import { defaultRoutes, routeSchema } from "../wire/podium.ts";

/**
 * Every setting: its unit, default and reason. `config init`, `config schema`, `config check` and the documentation are
 * made from here. A key whose default depends on the root folder (`$ROXY_ROOT`) has it filled in by `load.ts`.
 */

const port = z.int("Expected a whole number").min(0).max(65535);
const httpUrl = z.url({ protocol: /^https?$/, error: "Expected an http:// or https:// URL" });
const wsUrl = z.url({ protocol: /^wss?$/, error: "Expected a ws:// or wss:// URL" });
const path = z.string().min(1, "Expected a path");
/** Longest wait that a setting may ask for; a typo in the unit should not hang the gateway for days. */
const minuteMs = 60_000;

const listen = z.strictObject({
  host: z
    .string()
    .min(1)
    .default("127.0.0.1")
    .describe("Address to listen on. Anything but a loopback address needs auth.token_file."),
  port: port.default(8000).describe("TCP port; 0 takes any free one."),
  allowed_hosts: z
    .array(z.string())
    .max(64)
    .default([])
    .describe("Further Host header values to accept, besides localhost and the listening address (DNS rebinding guard)."),
  allowed_origins: z
    .array(z.string())
    .max(64)
    .default([])
    .describe("Further Origins that may call from a browser, such as http://localhost:5173."),
});

const podium = z.strictObject({
  url: httpUrl.default("http://127.0.0.1:3847").describe("Podium's HTTP base URL."),
  ws_url: wsUrl.default("ws://127.0.0.1:3847/ws").describe("Podium's WebSocket URL."),
  jwt_secret_file: path
    .optional()
    .describe("File that holds PODIUM_JWT_SECRET, for signing tokens (HS256). Never put the secret itself here."),
  token_ttl_s: z.int().min(5).max(3600).default(60).describe("Seconds until a token for Podium expires."),
  timeout_ms: z
    .int()
    .min(100)
    .max(10 * minuteMs)
    .default(30_000)
    .describe("Milliseconds to wait for Podium's answer. Its clients give up after 30 s."),
  max_in_flight: z
    .int()
    .min(1)
    .max(256)
    .default(1)
    .describe("Forwards at the same time. 1 is sequential; raise it only if Podium handles batching."),
  queue_limit: z
    .int()
    .min(0)
    .max(10_000)
    .default(64)
    .describe("Dispatches that may wait for their turn; the next one is refused with queue_full."),
  routes: z
    .strictObject(
      Object.fromEntries(actions.map((action) => [action, routeSchema.default(defaultRoutes[action])])) as {
        [A in (typeof actions)[number]]: z.ZodDefault<typeof routeSchema>;
      },
    )
    .prefault({})
    .describe("What each action becomes on Podium's side: method, path and body with {story_id}, {plan_id}, {nonce}."),
});

const audit = z.strictObject({
  dir: path.describe("Folder of the audit log, 0700. Default: $ROXY_ROOT/logs."),
  retention_days: z.int().min(90, "Expected at least 90 days").max(36_500).default(90).describe("Days to keep closed files."),
  checkpoint_key_file: path.describe(
    "Ed25519 key that signs checkpoints; made at the first start. Keep it outside audit.dir. Default: $ROXY_ROOT/keys/audit-ed25519.key.",
  ),
  disk_reserve_mb: z
    .int()
    .min(1)
    .max(1_048_576)
    .default(64)
    .describe("MiB to keep free for outcomes and halts; below it, new dispatches are refused."),
});

const limits = z.strictObject({
  dispatch_per_minute: z.int().min(1).max(1_000_000).default(10).describe("Dispatches in any 60 seconds."),
  story_cooldown_s: z.int().min(0).max(86_400).default(5).describe("Seconds between dispatches of the same story or plan step."),
  body_bytes_max: z
    .int()
    .min(1024)
    .max(1_048_576)
    .default(65_536)
    .describe("Bytes of a request body. The largest legal dispatch is under 8 KiB."),
});

const stream = z.strictObject({
  types: z
    .array(z.string().min(1).max(128))
    .max(256)
    .default(["QUEUE_UPDATE", "STORY_STATUS", "AGENT_STATUS"])
    .describe("Types of Podium's frames that are passed on."),
  history: z.int().min(0).max(100_000).default(1000).describe("Frames kept for clients that resume."),
  client_queue_bytes_max: z
    .int()
    .min(65_536)
    .max(268_435_456)
    .default(1_048_576)
    .describe("Bytes that may wait for one slow client before it is closed."),
  terminal_statuses: z
    .array(z.string().min(1).max(128))
    .max(64)
    .default(["done", "failed", "cancelled"])
    .describe("Podium's words for a story that has ended; a job's stream closes after one of them."),
});

const auth = z.strictObject({
  token_file: path.optional().describe("File with client tokens (X-ROXY-Token). Local clients need none without it."),
});

const log = z.strictObject({
  level: z.enum(logLevels).default("info").describe("Least level to print: debug, info, warn or error."),
  format: z.enum(["auto", "json", "pretty"]).default("auto").describe("auto is pretty on a terminal, json elsewhere."),
});

const service = z.strictObject({
  name: z.string().min(1).max(64),
  url: httpUrl.describe("Base URL of the neighbour."),
  health: z.string().regex(/^\//).default("/health").describe("Path that answers 2xx when it is well."),
});

const services = z
  .array(service)
  .max(32)
  .default([
    { name: "Voice gateway", url: "http://127.0.0.1:4899", health: "/health" },
    { name: "Ollama BIG", url: "http://127.0.0.1:11434", health: "/api/version" },
    { name: "Ollama FAST", url: "http://127.0.0.1:11435", health: "/api/version" },
  ])
  .describe("Neighbours to show in the port map; never called through.");

/** The whole file. Sections that are left out take their defaults. */
export const configSchema = z.strictObject({
  listen: listen.prefault({}),
  podium: podium.prefault({}),
  audit,
  limits: limits.prefault({}),
  stream: stream.prefault({}),
  auth: auth.prefault({}),
  log: log.prefault({}),
  services,
});

export type Config = z.output<typeof configSchema>;

/** Values that must never be shown; they live apart from the configuration so that nothing can print them by accident. */
export interface Secrets {
  /** `PODIUM_JWT_SECRET`, from the environment, a systemd credential or `podium.jwt_secret_file`. */
  readonly podiumJwtSecret?: string;
  /** A fixed token that some installations hand out: `ROXY_PODIUM_TOKEN`. */
  readonly podiumToken?: string;
}
