import { folderOf } from "../config/paths.ts";
import { Fatal, messageOf } from "../lib/errors.ts";
import { unixUrl } from "../lib/unix-url.ts";
import type { FileLock, Files, Runtime } from "../runtime/types.ts";
import { ExchangeError } from "../runtime/types.ts";

/** A socket that nobody listens on refuses at once; whoever lets us wait this long is somebody. */
const answerMs = 2_000;

export interface ClaimedSocket {
  /** Looks at what was made. @throws Fatal when it is not a private socket of ours */
  check(): void;
  /** Ends the claim, after the listener has taken its socket away. */
  release(): void;
}

/**
 * Makes `listen.socket` free to be bound: its folder is ours alone, and what a killed gateway left there is taken away.
 * Only the holder of the lock beside it takes anything away, and only a socket of this user that nobody answers on; so
 * neither a stranger's file nor a running gateway's socket ever goes.
 * @throws Fatal with what stands in the way and what to do
 */
export async function claimSocket(runtime: Runtime, socket: string): Promise<ClaimedSocket> {
  const { files } = runtime;
  const folder = folderOf(socket);
  try {
    files.makeFolder(folder, 0o700);
    refuseStrangersFolder(files, folder);
    const lock = files.lock(`${socket}.lock`);
    if (!lock) throw new Error("another roxy-core process listens there. Stop it, or choose another path");
    try {
      await takeAwayDead(runtime, socket);
    } catch (error) {
      lock.release();
      throw error;
    }
    return claimed(files, socket, lock);
  } catch (error) {
    throw refused(socket, messageOf(error));
  }
}

/** What a claim would stop at, by looking alone; undefined where it sees nothing in the way. */
export function socketRefusal(files: Files, socket: string): Fatal | undefined {
  const folder = folderOf(socket);
  try {
    // A folder that is missing is made.
    if (files.stat(folder)) refuseStrangersFolder(files, folder);
    refuseStrangersThing(files, socket);
    return undefined;
  } catch (error) {
    return refused(socket, messageOf(error));
  }
}

function claimed(files: Files, socket: string, lock: FileLock): ClaimedSocket {
  return {
    check() {
      const facts = files.stat(socket);
      const isPrivate = facts?.kind === "socket" && facts.owner === files.user() && (facts.mode & 0o177) === 0;
      if (!isPrivate) throw refused(socket, "what was made there is not a private socket of ours");
    },
    release: () => lock.release(),
  };
}

/** Whoever can write the folder can put another socket in the place of ours. */
function refuseStrangersFolder(files: Files, folder: string): void {
  const facts = files.stat(folder);
  if (facts?.kind === "symlink") throw new Error(`${folder} is a symbolic link: name the folder itself`);
  if (facts?.kind !== "folder") throw new Error(`${folder} is not a folder`);
  if (facts.owner !== files.user()) throw new Error(`${folder} belongs to user ${facts.owner}`);
  if ((facts.mode & 0o022) !== 0) throw new Error(`other users may write ${folder}: chmod 700 it`);
}

/** @returns whether there is a socket of ours */
function refuseStrangersThing(files: Files, socket: string): boolean {
  const facts = files.stat(socket);
  if (!facts) return false;
  if (facts.kind !== "socket") throw new Error(`there is a ${facts.kind} already, which is not ours to take away`);
  if (facts.owner !== files.user()) throw new Error(`there is a socket of user ${facts.owner} already`);
  return true;
}

async function takeAwayDead(runtime: Runtime, socket: string): Promise<void> {
  const { files } = runtime;
  if (!refuseStrangersThing(files, socket)) return;
  if (await isAnswered(runtime, socket))
    throw new Error("another program listens there. Stop it, or choose another path");
  files.unlink(socket);
}

async function isAnswered({ exchange }: Runtime, socket: string): Promise<boolean> {
  const url = `${unixUrl(socket)}/health`;
  try {
    await exchange({ url, method: "GET", headers: {}, timeoutMs: answerMs, bodyBytesMax: 65_536 });
    return true;
  } catch (error) {
    return !(error instanceof ExchangeError && error.kind === "unreachable");
  }
}

function refused(socket: string, why: string): Fatal {
  return new Fatal(`Cannot listen on ${socket} (listen.socket): ${why}`);
}
