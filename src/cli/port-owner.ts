import type { Runtime } from "../runtime/types.ts";

/** Who listens on a port of this machine. Without `pid`, a process that we may not look into. */
export interface PortOwner {
  readonly uid: number;
  readonly pid?: number;
  /** Its command line. */
  readonly command?: string;
  /** The systemd unit that it belongs to. */
  readonly unit?: string;
}

/** proc(5): files there have no size, so they are read until they end; some hundred sockets make some ten KiB. */
const procBytesMax = 4_194_304;
const commandLengthMax = 100;
/** Looking through every process's descriptors takes some ten milliseconds. */
const searchMs = 5_000;

/** Linux only: elsewhere, and when nobody listens, undefined. */
export async function portOwner(runtime: Runtime, port: number): Promise<PortOwner | undefined> {
  const socket = ["tcp", "tcp6"].map((name) => listening(procText(runtime, `/proc/net/${name}`), port)).find(Boolean);
  if (!socket) return undefined;
  const { uid, inode } = socket;
  const pid = await holderOf(runtime, inode);
  if (pid === undefined) return { uid };
  const command = procText(runtime, `/proc/${pid}/cmdline`)?.replaceAll("\0", " ").trim().slice(0, commandLengthMax);
  const unit = /\/([^/\n]+\.service)/.exec(procText(runtime, `/proc/${pid}/cgroup`) ?? "")?.[1];
  return { uid, pid, ...(command && { command }), ...(unit !== undefined && { unit }) };
}

/** The first socket in state LISTEN (0A) on the port. */
function listening(table: string | undefined, port: number): { uid: number; inode: string } | undefined {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of (table ?? "").split("\n").slice(1)) {
    const [, local, , state, , , , uid, , inode] = line.trim().split(/\s+/);
    if (local?.endsWith(suffix) && state === "0A" && inode !== undefined) return { uid: Number(uid), inode };
  }
  return undefined;
}

/** Our own file operations follow no links on purpose, and /proc names descriptors by links: ls reads them. */
async function holderOf({ process }: Runtime, inode: string): Promise<number | undefined> {
  let folder: string | undefined;
  let holder: number | undefined;
  const child = process.spawn({
    command: ["sh", "-c", "ls -l /proc/[0-9]*/fd"],
    env: { PATH: process.env["PATH"] ?? "/usr/bin:/bin", LC_ALL: "C" },
    onLine(line, stream) {
      if (stream !== "stdout") return;
      folder = /^\/proc\/(\d+)\/fd:$/.exec(line)?.[1] ?? folder;
      if (line.endsWith(`-> socket:[${inode}]`)) holder ??= Number(folder);
    },
  });
  const late = setTimeout(() => child.kill("SIGKILL"), searchMs);
  await child.ended;
  clearTimeout(late);
  return holder;
}

/** Undefined when it is not there or not ours to read. */
function procText({ files }: Runtime, path: string): string | undefined {
  const bytes = new Uint8Array(procBytesMax);
  let filled = 0;
  try {
    const file = files.openRead(path);
    try {
      for (let count = -1; count !== 0 && filled < bytes.length; filled += count) {
        count = file.read(bytes.subarray(filled), filled);
      }
    } finally {
      file.close();
    }
  } catch {
    return undefined;
  }
  return new TextDecoder().decode(bytes.subarray(0, filled));
}
