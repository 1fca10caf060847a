import { z } from "zod";
import { logLevels } from "../lib/log.ts";
import { actions } from "../wire/dispatch.ts";
import { defaultRoutes, routeSchema } from "../wire/podium.ts";
import { httpBaseUrl, list, oneOf, path, shaped, socketPath, text, whole, wsUrl, yesNo } from "./kinds.ts";

/**
 * Every setting: its unit, default and reason. `config init`, `config schema`, `config check` and the documentation are
 * made from here. A key whose default depends on the root folder (`$ROXY_ROOT`) has it filled in by `load.ts`.
 */

/** Longest wait that a setting may ask for; a typo in the unit should not hang the gateway for days. */
const timeoutMsMax = 600_000;

const listen = z
  .strictObject({
    host: shaped(
      /^(?:[A-Za-z0-9._-]+|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?)$/,
      "an address or host name without a port",
    )
      .default("127.0.0.1")
      .describe("Address to listen on. Anything but a loopback address needs auth.token_file."),
    port: whole(0, 65_535).default(8000).describe("TCP port; 0 takes any free one."),
    tcp: yesNo().default(true).describe("Whether to listen on host and port. Without it, only listen.socket is open."),
    socket: socketPath()
      .optional()
      .describe(
        "Unix socket to listen on as well, for this user alone (0600), in a folder that nobody else can write.",
      ),
    allowed_hosts: list(shaped(/^[^\s/]+$/, "a Host header value such as box.local:8000, without http://"), 64, "hosts")
      .default([])
      .describe(
        "Further Host header values to accept, besides localhost and the listening address (DNS rebinding guard).",
      ),
    allowed_origins: list(
      shaped(/^[a-z][a-z0-9+.-]*:\/\/[^\s/]+$/, "an origin such as http://localhost:5173, without a path or final '/'"),
      64,
      "origins",
    )
      .default([])
      .describe("Further Origins that may call from a browser, such as http://localhost:5173."),
  })
  .describe("Where clients reach roxy-core.");

const podium = z
  .strictObject({
    url: httpBaseUrl().default("http://127.0.0.1:3847").describe("Podium's HTTP base URL."),
    ws_url: wsUrl()
      .default("ws://127.0.0.1:3847/ws")
      .describe("Podium's WebSocket URL. When only podium.url is set, it is that one with ws:// and /ws."),
    jwt_secret_file: path()
      .optional()
      .describe("File that holds PODIUM_JWT_SECRET, for signing tokens (HS256). Never put the secret itself here."),
    jwt_secret_previous_file: path()
      .optional()
      .describe(
        "File that holds the secret from before the last change. Used once more where Podium answers 401 to the new one.",
      ),
    jwt_private_key_file: path()
      .optional()
      .describe(
        "Instead of a secret: file with an Ed25519 private key (openssl genpkey -algorithm ed25519). Tokens are then " +
          "signed with EdDSA, and Podium checks them with the public key at /.well-known/jwks.json.",
      ),
    jwt_private_key_previous_file: path()
      .optional()
      .describe("File with the private key from before the last change: published and tried after a 401, too."),
    token_ttl_s: whole(5, 3600, "seconds").default(60).describe("Seconds until a token for Podium expires."),
    stream_token_ttl_s: whole(5, 604_800, "seconds")
      .default(3600)
      .describe(
        "Seconds until the telemetry stream's token expires. At three quarters of it a new connection with a fresh one takes over, so that an hour costs a handshake every 45 minutes.",
      ),
    timeout_ms: whole(100, timeoutMsMax, "milliseconds")
      .default(30_000)
      .describe("Milliseconds to wait for Podium's answer. Its clients give up after 30 s."),
    max_in_flight: whole(1, 128, "dispatches")
      .default(1)
      .describe("Forwards at the same time. 1 is sequential; raise it only if Podium handles batching."),
    queue_limit: whole(0, 10_000, "dispatches")
      .default(64)
      .describe("Dispatches that may wait for their turn; the next one is refused with queue_full."),
    routes: z
      .strictObject(
        Object.fromEntries(actions.map((action) => [action, routeSchema.default(defaultRoutes[action])])) as {
          [A in (typeof actions)[number]]: z.ZodDefault<typeof routeSchema>;
        },
      )
      .prefault({})
      .describe(
        "What each action becomes on Podium's side: method, path and body with {story_id}, {plan_id}, {nonce}.",
      ),
  })
  .describe("The orchestrator behind the door.");

const audit = z
  .strictObject({
    dir: path().describe("Folder of the audit log, 0700. Default: $ROXY_ROOT/logs."),
    retention_days: whole(90, 36_500, "days").default(90).describe("Days to keep closed files; 90 at least."),
    checkpoint_key_file: path().describe(
      "Ed25519 key that signs checkpoints; made at the first start. Keep it outside audit.dir. " +
        "Default: $ROXY_ROOT/keys/audit-ed25519.key.",
    ),
    disk_reserve_mb: whole(1, 1_048_576, "MiB")
      .default(64)
      .describe("MiB to keep free for outcomes and halts; below it, new dispatches are refused."),
  })
  .describe("The record of who started what.");

const limits = z
  .strictObject({
    dispatch_per_minute: whole(1, 1_000_000, "dispatches").default(10).describe("Dispatches in any 60 seconds."),
    story_cooldown_s: whole(0, 86_400, "seconds")
      .default(5)
      .describe("Seconds between dispatches of the same story or plan step."),
    body_bytes_max: whole(1024, 1_048_576, "bytes")
      .default(65_536)
      .describe("Bytes of a request body. The largest legal dispatch, written compactly, is under 8 KiB."),
  })
  .describe("What clients may ask for.");

const stream = z
  .strictObject({
    types: list(text(128), 256, "types")
      .default(["QUEUE_UPDATE", "STORY_STATUS", "AGENT_STATUS"])
      .describe("Types of Podium's frames that are passed on."),
    history: whole(0, 100_000, "frames").default(1000).describe("Frames kept for clients that resume."),
    client_queue_bytes_max: whole(65_536, 268_435_456, "bytes")
      .default(1_048_576)
      .describe("Bytes that may wait for one slow client before it is closed."),
    clients_max: whole(1, 1_000_000, "clients")
      .default(16_384)
      .describe(
        "Stream clients at a time; each costs some 6 KiB more than a bare WebSocket. Never more than two thirds of the descriptors that the process may have.",
      ),
    clients_per_address_max: whole(1, 1_000_000, "clients")
      .default(1024)
      .describe("Stream clients of one address, so that one runaway script can't take every place."),
    terminal_statuses: list(text(128), 64, "statuses")
      .default(["done", "failed", "cancelled"])
      .describe("Podium's words for a story that has ended; a job's stream closes after one of them."),
  })
  .describe("Podium's telemetry on its way to clients.");

const auth = z
  .strictObject({
    token_file: path()
      .optional()
      .describe("File with client tokens (X-ROXY-Token). Local clients need none without it."),
  })
  .describe("Who may call.");

const log = z
  .strictObject({
    level: oneOf(logLevels)
      .default("info")
      .describe("Least level to print; signed checkpoints of the audit log are printed at every level."),
    format: oneOf(["auto", "json", "pretty"]).default("auto").describe("auto is pretty on a terminal, json elsewhere."),
  })
  .describe("What roxy-core prints about itself.");

const service = z.strictObject({
  name: text(64),
  url: httpBaseUrl().describe("Base URL of the neighbour."),
  health: shaped(/^\/[\x21-\x7e]*$/, "a path that starts with '/'")
    .default("/health")
    .describe("Path that answers 2xx when it is well."),
});

const services = list(service, 32, "services (objects with name, url and health)")
  .default([
    { name: "Voice gateway", url: "http://127.0.0.1:4899", health: "/health" },
    { name: "Ollama BIG", url: "http://127.0.0.1:11434", health: "/api/version" },
    { name: "Ollama FAST", url: "http://127.0.0.1:11435", health: "/api/version" },
  ])
  .describe("Neighbours to show in the port map; never called through.");

/** Sections that are left out take their defaults; only `audit` wants the two paths that hang on the root folder. */
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

/** What may stand in the file: everything may be left out. `$schema` is what editors look for. */
export const configFileSchema = configSchema.extend({
  $schema: z.string().optional(),
  audit: audit
    .extend({ dir: audit.shape.dir.optional(), checkpoint_key_file: audit.shape.checkpoint_key_file.optional() })
    .prefault({}),
});

/** Keys that hold paths: relative ones count from the file they stand in. */
export const pathKeys = [
  "listen.socket",
  "podium.jwt_secret_file",
  "podium.jwt_secret_previous_file",
  "podium.jwt_private_key_file",
  "podium.jwt_private_key_previous_file",
  "audit.dir",
  "audit.checkpoint_key_file",
  "auth.token_file",
] as const;

/** The two defaults that hang on the root folder. */
export function auditDefaults(root: string): { readonly dir: string; readonly checkpoint_key_file: string } {
  return { dir: `${root}/logs`, checkpoint_key_file: `${root}/keys/audit-ed25519.key` };
}

export type Config = z.output<typeof configSchema>;

/** Values that must never be shown; they live apart from the configuration so that nothing can print them by accident. */
export interface Secrets {
  /** `PODIUM_JWT_SECRET`, from the environment, a systemd credential or `podium.jwt_secret_file`. */
  readonly podiumJwtSecret?: string;
  /** `PODIUM_JWT_SECRET_PREVIOUS`: while a new secret is being brought in, the one before it. */
  readonly podiumJwtSecretPrevious?: string;
  /** An Ed25519 private key, PKCS #8 in PEM, that signs instead of the secret. */
  readonly podiumJwtPrivateKey?: string;
  /** While a new key is being brought in, the one before it. */
  readonly podiumJwtPrivateKeyPrevious?: string;
  /** A fixed token that some installations hand out: `ROXY_PODIUM_TOKEN`. */
  readonly podiumToken?: string;
}
