/**
 * All that the program wants of the runtime it runs on. `bun.ts` and `deno.ts` fill it in; `#runtime` picks one.
 * Nothing outside this folder names `Bun`, `Deno` or `node:*`.
 */
export interface Runtime {
  readonly name: "bun" | "deno";
  readonly version: string;
  readonly files: Files;
  readonly process: Process;
  /** SHA-256 as 64 lower-case hex digits; synchronous because the chain is. A string counts as its UTF-8 bytes. */
  sha256(data: string | Uint8Array): string;
  /** HMAC with SHA-256 (RFC 2104) in base64url without padding; key and text count as their UTF-8 bytes. */
  hmacSha256(key: string, text: string): string;
  exchange: Exchange;
  follow: Follow;
  serve(options: ServeOptions): Promise<Listener>;
}

export interface FileFacts {
  readonly kind: "file" | "folder" | "symlink" | "socket" | "other";
  readonly bytes: number;
  readonly device: number;
  readonly inode: number;
  /** Permission bits, such as 0o600. */
  readonly mode: number;
  readonly owner: number;
  readonly modifiedMs: number;
}

/** An error of the file system, with its POSIX name such as `ENOSPC` or `EACCES`. */
export interface FileError extends Error {
  readonly code: string;
}

/** File operations. All throw {@link FileError}; they open plain files only, and follow no symlink in the last path segment. */
export interface Files {
  /** Opens for appending (O_WRONLY | O_APPEND | O_NOFOLLOW), creating it 0600. */
  openAppend(path: string): AppendFile;
  /** Facts of the path itself, symlinks not followed; undefined when nothing is there. */
  stat(path: string): FileFacts | undefined;
  /** Opens for random reads; the caller closes it. */
  openRead(path: string): ReadFile;
  /** The whole file as bytes. Refuses (code `EFBIG`) more than `bytesMax`. */
  readAll(path: string, bytesMax: number): Uint8Array;
  /**
   * Temporary file beside it, fsync, rename, fsync of the folder: after a crash, old or new, never half. Written by root it
   * belongs to whom the old one belonged to, a new one to the folder's owner.
   */
  writeAtomic(path: string, data: string | Uint8Array, mode: number): void;
  /** Creates the file with O_EXCL and this mode, fsyncs it and its folder; throws `EEXIST` when it is there. */
  writeNew(path: string, data: string | Uint8Array, mode: number): void;
  rename(from: string, to: string): void;
  unlink(path: string): void;
  /** Cuts the file to this many bytes and fsyncs it. */
  truncate(path: string, bytes: number): void;
  /** Names in a folder, sorted by code unit. */
  list(folder: string): string[];
  /** Makes the folder and its missing parents with this mode. */
  makeFolder(path: string, mode: number): void;
  /** fsync of a folder: makes a creation, rename or unlink in it durable. */
  syncFolder(path: string): void;
  /** Bytes that an unprivileged process may still write on the file system of this path. */
  freeBytes(path: string): number;
  /** Takes an exclusive flock without waiting; undefined when another process holds it. Released by release or death. */
  lock(path: string): FileLock | undefined;
  /** The effective user of this process. */
  user(): number;
}

export interface AppendFile {
  /** One write(2): returns the bytes taken, which may be fewer than given. */
  write(bytes: Uint8Array): number;
  /**
   * fdatasync(2), off the event loop; or right here, which spares the way to another thread and back, a good part of the
   * time that a quick disk takes, and stops everything else meanwhile.
   */
  datasync(here?: boolean): Promise<void>;
  /** Facts of the open descriptor, whatever now stands at its path. */
  stat(): FileFacts;
  close(): void;
}

export interface ReadFile {
  /** Reads at an offset into the buffer; returns the bytes read, 0 at the end. */
  read(into: Uint8Array, offset: number): number;
  /** The same, off the event loop. */
  readAsync(into: Uint8Array, offset: number): Promise<number>;
  stat(): FileFacts;
  close(): void;
}

export interface FileLock {
  release(): void;
}

export interface OutgoingRequest {
  /** `http:`, `https:`, or `http+unix:` with the socket's path, percent-encoded, as its host. */
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | undefined;
  /**
   * Asked once there is a connection (with TLS, a server that has shown who it is), right before the first byte of the
   * request leaves: no, and nothing is sent.
   */
  readonly mayLeave?: (() => boolean) | undefined;
  /** From the first connection attempt to the answer's last byte. */
  readonly timeoutMs: number;
  /** More than this many bytes of answer is an {@link ExchangeError} `too_large`. */
  readonly bodyBytesMax: number;
}

export interface IncomingAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: Uint8Array;
}

/**
 * One HTTP exchange. It never re-sends, never follows a redirect and never uses a proxy: a plain `fetch` may do all three
 * behind the caller's back (Deno's re-sends a POST when a pooled connection dies).
 */
export type Exchange = (request: OutgoingRequest) => Promise<IncomingAnswer>;

/** `sent` is the fact that decides about retries: false only when not a byte of the request can have left. */
export class ExchangeError extends Error {
  override readonly name = "ExchangeError";
  readonly kind: "unreachable" | "timeout" | "broken" | "too_large";
  readonly sent: boolean;

  constructor(kind: ExchangeError["kind"], sent: boolean, message: string) {
    super(message);
    this.kind = kind;
    this.sent = sent;
  }
}

export interface FollowRequest {
  /** As an {@link OutgoingRequest}'s. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  /** From the first connection attempt to the answer's head, in milliseconds. */
  readonly headMs: number;
  /** Longest silence inside the body, in milliseconds. */
  readonly idleMs: number;
}

export interface FollowedAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it comes; ends with the answer. @throws ExchangeError when the connection breaks or falls silent */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Hangs up; the chunks then end without an error. */
  close(): void;
}

/** A GET whose body never needs to end, such as server-sent events. @throws ExchangeError before the head has come */
export type Follow = (request: FollowRequest) => Promise<FollowedAnswer>;

export type ServeOptions = Door & {
  /** Shorter in tests. */
  readonly times?: SocketTimes;
  readonly fetch: (request: Request, connection: Connection) => Response | Promise<Response>;
};

/** How long a client may be silent. */
export interface SocketTimes {
  /** Seconds between pings; whole ones, at least 1. */
  readonly heartbeatS: number;
  /** Milliseconds from the upgrade to the open connection. */
  readonly openMs: number;
  /** Seconds that an HTTP connection may be silent for; on Bun. */
  readonly idleS: number;
}

/** Where to listen: port 0 takes any free one; a socket's path must be free, and is 0600 from its first moment on. */
export type Door =
  | { readonly host: string; readonly port: number; readonly socket?: never }
  | { readonly socket: string };

/** The connection that a request came in on. */
export interface Connection {
  /** `unix` for all who come over a socket. */
  readonly remoteAddress: string;
  /** Aborted when the client is gone before it has its answer. */
  readonly signal: AbortSignal;
  /** Turns the request into a WebSocket; the handler must return this Response. Undefined: not an upgrade request. */
  upgrade(handlers: PeerHandlers): Response | undefined;
}

/**
 * One WebSocket client. The runtime pings it and drops it when it stays silent (`heartbeatS`). The runtime's own buffer is
 * small and measured; a longer queue is the caller's to own.
 */
export interface Peer {
  /** Sends a text frame. Returns the bytes that now wait in the runtime's buffer (0: gone to the kernel). */
  send(text: string): number;
  close(code: number, reason: string): void;
  /** Drops the connection without a closing handshake. */
  terminate(): void;
}

export interface PeerHandlers {
  /** Called once, before anything else. */
  open(peer: Peer): void;
  /** A text or binary frame came in; its size, in bytes for binary and in UTF-16 code units for text. */
  message(peer: Peer, size: number): void;
  /** The runtime's buffer has emptied. */
  drain(peer: Peer): void;
  /** Called once, after everything else. */
  close(peer: Peer, code: number): void;
}

export interface Listener {
  /** Empty for a socket. */
  readonly host: string;
  /** 0 for a socket. */
  readonly port: number;
  /** Stops accepting, and takes a socket's file away. Resolves when the requests in flight have been answered, or at once with `force`. */
  stop(force: boolean): Promise<void>;
}

export interface ChildOptions {
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
  readonly cwd?: string;
  /** Make it the head of a process group that `kill` reaches as a whole. */
  readonly group?: boolean;
  /** Gives it a standard input that ends when this process does, however it ends. */
  readonly lifeline?: boolean;
  /** Each line of standard output and standard error, without its newline; cut at 64 KiB. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
  /** Hand the parent's own output through instead. */
  readonly inherit?: boolean;
}

/** Exit code, or the signal's name; `error` when it could not be started. */
export type ChildEnd = { code: number } | { signal: string } | { error: string };

export interface Child {
  readonly pid: number;
  /** Its own process has ended; what it has started may still hold its output. */
  readonly exited: Promise<ChildEnd>;
  /** And its output has, to the last line. */
  readonly ended: Promise<ChildEnd>;
  kill(signal: "SIGTERM" | "SIGKILL"): void;
}

/** In character cells. */
export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface Process {
  readonly pid: number;
  /** Arguments after the program's own name. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly home: string;
  readonly cwd: string;
  readonly stdoutIsTerminal: boolean;
  readonly stderrIsTerminal: boolean;
  /** The command line that starts this program again: the binary alone, or the runtime with the source. */
  readonly self: readonly string[];
  stdout(text: string): void;
  /** Resolves when standard output takes more. A long output waits for it between its pieces, or else stands in memory. */
  stdoutTaken(): Promise<void>;
  /** @returns false when it was left out, because too much waits for its reader already */
  stderr(text: string): boolean;
  /** Of the terminal behind standard output, as it is now; undefined where there is none or it does not say. */
  terminalSize(): TerminalSize | undefined;
  onTerminalResize(handler: () => void): void;
  /**
   * Ends when everything written has left; after a signal to end, within a second although nobody reads. Asked twice, the
   * first code that is not 0 counts.
   */
  exit(code: number): Promise<never>;
  onSignal(signal: "SIGTERM" | "SIGINT" | "SIGHUP", handler: () => void): void;
  /**
   * Standard output takes no more: whoever read it has gone, such as `head`, or it could not be written, such as on a
   * full disk; then `fault` says why.
   */
  onOutputClosed(handler: (fault: string | undefined) => void): void;
  /** Standard input has ended: with {@link ChildOptions.lifeline}, whoever started this process is gone. */
  onInputEnd(handler: () => void): void;
  spawn(options: ChildOptions): Child;
  /** Files and connections that it may have open; Infinity where the system does not tell. */
  descriptorsMax(): number;
}

/** Seconds between signs of life to a client; two without an answer and it is dropped. Under common proxies' 60 s. */
export const heartbeatS = 25;
/** Pings that a client may send in one heartbeat: libraries send one every 20 s, the eager ones one a second. */
export const clientPingsMax = 64;
/**
 * Seconds that a silent HTTP connection is kept on Bun: longer than two heartbeats, so that a quiet event stream is never
 * called idle. The making of an answer does not count.
 */
export const requestIdleS = 60;
/** A handshake's answer takes one round trip: who is not there after ten seconds will not come. */
export const socketTimes: SocketTimes = { heartbeatS, openMs: 10_000, idleS: requestIdleS };
/** A client has nothing to say to us: 4 KiB is room for a polite mistake. */
export const socketMessageBytesMax = 4096;
/** Last resort behind our own queue bound: past this the runtime itself drops the client. */
export const socketBufferBytesMax = 268_435_456;
/** Milliseconds between looks at a slow client's buffer where the runtime has no drain event. */
export const drainPollMs = 1;
/**
 * The runtime's own bound on a request. Far above ours on purpose: past it the runtime answers by itself, with nothing
 * that explains; up to it our reader stops at `limits.body_bytes_max` and says why.
 */
export const requestBytesMax = 134_217_728;
