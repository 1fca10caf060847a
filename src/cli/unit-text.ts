import { pathPattern } from "../config/kinds.ts";
import { isLoopback } from "../config/rules.ts";
import type { Config } from "../config/schema.ts";
import { isInside } from "../config/paths.ts";
import { exitCodes, Fatal } from "../lib/errors.ts";

export interface UnitOptions {
  readonly scope: "user" | "system";
  /** The program and its arguments, each as one word. */
  readonly command: readonly string[];
  readonly config: Config;
  /** `$ROXY_ROOT` as the service will have it; undefined leaves the default (user scope only). */
  readonly root: string | undefined;
  /** Files with secrets, handed over by name. */
  readonly credentials: readonly { readonly name: string; readonly file: string }[];
}

/** Where the system unit's state lies, and its settings. */
export const systemRoot = "/var/lib/roxy-core";
export const systemSettings = "/etc/roxy-core";
/** Made at the start and taken away at the end, for a unix socket. */
export const systemRun = "/run/roxy-core";

/** Beyond Podium's longest answer: a late halt (5 s), stream clients' goodbyes (1 s), answers not taken (5 s), the last checkpoint. */
const drainMarginS = 15;

/** A unit file for systemd.service(5). The same settings always give the same text. @throws Fatal for what no unit can hold */
export function unitText(options: UnitOptions): string {
  const { scope, command, config, root } = options;
  const system = scope === "system";
  return [
    "[Unit]",
    "Description=roxy-core, the audited door in front of the orchestrator",
    ...(system ? ["Wants=network-online.target", "After=network-online.target"] : []),
    "# Five failed starts in a minute are no accident: wait for a person.",
    "StartLimitIntervalSec=60",
    "StartLimitBurst=5",
    "",
    "[Service]",
    "# Started means: the audit log is open and the port is bound. The word comes from a child (systemd-notify).",
    "Type=notify",
    "NotifyAccess=all",
    `ExecStart=${commandLine(command)}`,
    "ExecReload=/bin/kill -HUP $MAINPID",
    ...(root === undefined ? [] : [`Environment=${quoted(`ROXY_ROOT=${root}`)}`]),
    `EnvironmentFile=-${system ? `${systemSettings}/roxy.env` : "%h/.roxy/etc/roxy.env"}`,
    ...credentialLines(options),
    "# No sign of life for this long, or an audit log that can't be written: restart.",
    "WatchdogSec=60",
    "Restart=on-failure",
    "RestartSec=2",
    "# Bad usage (2) and a damaged log (4) do not heal by themselves.",
    "RestartPreventExitStatus=2 4",
    "TimeoutStartSec=120",
    `# Longer than the drain: what is in flight has podium.timeout_ms (${config.podium.timeout_ms} ms) to end.`,
    `TimeoutStopSec=${Math.ceil(config.podium.timeout_ms / 1000) + drainMarginS}`,
    "LimitNOFILE=65536",
    "LimitCORE=0",
    "UMask=0077",
    "",
    ...(system ? systemSandbox(options) : []),
    ...sandbox,
    "",
    "[Install]",
    `WantedBy=${system ? "multi-user.target" : "default.target"}`,
    "",
  ].join("\n");
}

function credentialLines({ scope, credentials }: UnitOptions): string[] {
  if (credentials.length > 0) {
    return credentials.map(({ name, file }) => {
      const directive = file.endsWith(".cred") ? "LoadCredentialEncrypted" : "LoadCredential";
      return `${directive}=${name}:${bare(file)}`;
    });
  }
  if (scope === "user") return [];
  return [
    "# The secret for Podium's tokens as a credential, which no other process sees (unit --jwt-secret FILE):",
    `# LoadCredential=podium_jwt_secret:${systemSettings}/podium_jwt_secret`,
  ];
}

/** What any user's service manager can do. No MemoryDenyWriteExecute: the JavaScript engine compiles as it runs. */
const sandbox = [
  "NoNewPrivileges=yes",
  "LockPersonality=yes",
  "RestrictNamespaces=yes",
  "RestrictRealtime=yes",
  "RestrictSUIDSGID=yes",
  "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
  "SystemCallArchitectures=native",
  "SystemCallFilter=@system-service",
  "SystemCallFilter=~@privileged @resources",
  "SystemCallErrorNumber=EPERM",
];

/** What takes root to set up. */
function systemSandbox({ config }: UnitOptions): string[] {
  const { socket } = config.listen;
  const folders = [config.audit.dir, parentOf(config.audit.checkpoint_key_file), ...(socket ? [parentOf(socket)] : [])];
  const own = [systemRoot, systemRun];
  const elsewhere = [...new Set(folders)].filter((folder) => !own.some((one) => isInside(folder, one)));
  const urls = [config.podium.url, config.podium.ws_url, ...config.services.map(({ url }) => url)];
  const names = [config.listen.host, ...urls.map((url) => new URL(url).hostname)];
  return [
    "DynamicUser=yes",
    "StateDirectory=roxy-core",
    "StateDirectoryMode=0700",
    "ConfigurationDirectory=roxy-core",
    // Root's folder, which the service's own user has to read; what is secret comes as a credential.
    "ConfigurationDirectoryMode=0755",
    ...(socket && isInside(socket, systemRun) ? ["RuntimeDirectory=roxy-core", "RuntimeDirectoryMode=0700"] : []),
    ...(elsewhere.length > 0 ? [`ReadWritePaths=${elsewhere.map(quoted).join(" ")}`] : []),
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "ProtectProc=invisible",
    "ProcSubset=pid",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "DevicePolicy=closed",
    "PrivateUsers=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "ProtectKernelLogs=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelTunables=yes",
    "ProtectControlGroups=yes",
    "RemoveIPC=yes",
    "PrivateMounts=yes",
    "CapabilityBoundingSet=",
    "AmbientCapabilities=",
    ...(names.every(isLoopback)
      ? [
          "# Listens on, forwards to and looks after this machine only.",
          "IPAddressDeny=any",
          "IPAddressAllow=localhost",
        ]
      : ["# Not limited to this machine's own addresses: listen.host, podium.url or one of services is another's."]),
  ];
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(1, path.lastIndexOf("/")));
}

/** In arguments `$` begins a variable; the program itself may not be one (systemd.service(5), "Command lines"). */
function commandLine([program = "", ...args]: readonly string[]): string {
  return [quoted(program), ...args.map((arg) => quoted(arg).replaceAll("$", "$$$$"))].join(" ");
}

/** One of several words on a line (systemd.syntax(7), "Quoting"). */
function quoted(text: string): string {
  const escaped = onItsLine(text);
  if (/^[\w./:@=+%~,-]+$/.test(escaped)) return escaped;
  return `"${escaped.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}

/**
 * The rest of a line, which is taken as it stands: quotes would be part of the path.
 * @throws Fatal for what systemd.syntax(7) does not take as it stands at a line's end
 */
function bare(text: string): string {
  if (!/[ \\]$/.test(text)) return onItsLine(text);
  throw refused("of a credential whose path ends like this", text);
}

/**
 * `%` begins a specifier (systemd.unit(5), "Specifiers").
 * @throws Fatal for control characters, as in the paths of the configuration: a line break would begin another directive
 */
function onItsLine(text: string): string {
  if (pathPattern.test(text)) return text.replaceAll("%", "%%");
  throw refused("of a path with control characters", text);
}

function refused(what: string, path: string): Fatal {
  return new Fatal(`systemd can't be told ${what}: ${JSON.stringify(path)}`, exitCodes.usage);
}
