/** systemd.unit(5) files that start the gateway. */

export interface UnitOptions {
  readonly kind: "user" | "system";
  /** The command line that starts this program, without `serve`. */
  readonly program: readonly string[];
  /** For `serve`, such as `--config FILE`. */
  readonly args: readonly string[];
  /** How long the gateway waits for Podium. */
  readonly podiumTimeoutMs: number;
}

/** What is in flight is finished before the end; then streams are closed and the log is, too. */
const drainMarginS = 15;

export function unitText(options: UnitOptions): string {
  const own = options.kind === "user" ? userService : systemService;
  return `[Unit]
Description=roxy-core, the audited door in front of the orchestrator
After=network.target
StartLimitIntervalSec=60
StartLimitBurst=5

[Service]
ExecStart=${[...options.program, "serve", ...options.args].map(quoted).join(" ")}
${own}
Restart=on-failure
RestartSec=1
# Longer than Podium's longest answer (podium.timeout_ms): what is in flight is finished first.
TimeoutStopSec=${Math.ceil(options.podiumTimeoutMs / 1000) + drainMarginS}
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=${options.kind === "user" ? "default.target" : "multi-user.target"}
`;
}

/** systemd.service(5), "Command lines": words with anything special are quoted, and % begins a specifier. */
function quoted(word: string): string {
  const escaped = word.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[\w@%+=:,./$-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll(/[\\"]/g, String.raw`\$&`)}"`;
}

const userService = `EnvironmentFile=-%h/.roxy/etc/roxy.env`;

/**
 * A user without a home and a machine seen through a slit: the gateway needs its state folder, loopback and whatever the
 * configuration names. MemoryDenyWriteExecute is left out: it kills just-in-time compilers.
 */
const systemService = `DynamicUser=yes
StateDirectory=roxy-core
StateDirectoryMode=0700
Environment=ROXY_ROOT=%S/roxy-core
EnvironmentFile=-/etc/roxy-core/roxy.env
# A secret of its own: LoadCredential=podium_jwt_secret:/etc/roxy-core/podium_jwt_secret
CapabilityBoundingSet=
AmbientCapabilities=
DeviceAllow=
DevicePolicy=closed
# Podium on another machine needs its address in IPAddressAllow=, too.
IPAddressDeny=any
IPAddressAllow=localhost
LockPersonality=yes
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHome=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
RemoveIPC=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
SystemCallErrorNumber=EPERM`;
