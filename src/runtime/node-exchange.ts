import type { IncomingMessage } from "node:http";
import { requestTarget } from "../lib/unix-url.ts";
import { headBytesMax } from "./answer-reader.ts";
import type { Exchange, IncomingAnswer, OutgoingRequest } from "./types.ts";
import { ExchangeError } from "./types.ts";

// Not imported: a bundler loads every import of the runtime's own modules at once, and Bun's start can do without these.
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

/** Nothing is kept alive, and whatever the environment says of proxies (`NODE_USE_ENV_PROXY`) is not asked. */
const manners = { keepAlive: false, proxyEnv: {} };
export const httpAgent = new http.Agent(manners);
export const httpsAgent = new https.Agent(manners);

/** Errors that connect(2) or the resolver give: the request has not left, whatever happens next. */
const neverConnected = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EAI_FAIL",
  "ENETUNREACH",
  "EHOSTUNREACH",
  "EADDRNOTAVAIL",
  // Of a unix socket: not there, or not ours to use.
  "ENOENT",
  "EACCES",
  // Of a server that is not the one it should be: the handshake ends before anything is said.
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_HAS_EXPIRED",
  "CERT_NOT_YET_VALID",
  "ERR_TLS_CERT_ALTNAME_INVALID",
]);

/** Bun connects and sends in one, and shows no connection in between. */
const isSentAtOnce = process.versions["bun"] !== undefined;

/**
 * {@link Exchange} over `node:http` without kept connections: a fresh connection for each request, so there is no pooled one
 * that can die under a command and be replaced behind our back.
 */
export const nodeExchange: Exchange = (request) =>
  new Promise((resolve, reject) => {
    const isSecure = request.url.startsWith("https:");
    const send = isSecure ? https.request : http.request;
    const { url, socketPath } = requestTarget(request.url);
    const outgoing = send(url, {
      method: request.method,
      ...(socketPath !== undefined && { socketPath }),
      headers: headersOf(request),
      maxHeaderSize: headBytesMax,
      agent: isSecure ? httpsAgent : httpAgent,
    });
    const timer = setTimeout(() => {
      const { timeoutMs } = request;
      if (sent) fail(new ExchangeError("timeout", true, `No answer within ${timeoutMs} ms`));
      else fail(new ExchangeError("unreachable", false, `No connection within ${timeoutMs} ms`));
    }, request.timeoutMs);
    let finished = false;
    let sent = false;
    const finish = (act: () => void): void => {
      if (finished) return;
      finished = true;
      clearTimeout(timer);
      act();
      outgoing.destroy();
    };
    const fail = (error: unknown): void => finish(() => reject(exchangeErrorOf(error, sent)));
    outgoing.on("error", fail);
    outgoing.on("response", (answer) => {
      collect(answer, request.bodyBytesMax, (result) => finish(() => resolve(result)), fail);
    });
    outgoing.on("close", () => fail(new Error("The connection was closed before an answer came")));
    const leave = (): void => {
      if (finished) return;
      if (request.mayLeave?.() === false) return fail(new ExchangeError("unreachable", false, "It was withdrawn"));
      sent = true;
      outgoing.end(request.body);
    };
    if (isSentAtOnce) return leave();
    outgoing.on("socket", (socket) => {
      if (isSecure || socket.connecting) socket.once(isSecure ? "secureConnect" : "connect", leave);
      else leave();
    });
  });

function headersOf({ headers, body }: OutgoingRequest): Record<string, string | number> {
  if (body === undefined) return { ...headers };
  return { ...headers, "content-length": new TextEncoder().encode(body).length };
}

function collect(
  answer: IncomingMessage,
  bodyBytesMax: number,
  done: (answer: IncomingAnswer) => void,
  fail: (error: unknown) => void,
): void {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  answer.on("data", (chunk: Uint8Array) => {
    bytes += chunk.length;
    if (bytes > bodyBytesMax) {
      fail(new ExchangeError("too_large", true, `The answer is longer than ${bodyBytesMax} bytes`));
    } else chunks.push(chunk);
  });
  answer.on("error", fail);
  answer.on("aborted", () => fail(new Error("The connection was closed in the middle of the answer")));
  answer.on("end", () => {
    const promised = Number(answer.headers["content-length"] ?? bytes);
    if (!answer.complete || promised !== bytes) {
      fail(new Error("The connection was closed in the middle of the answer"));
      return;
    }
    const body = new Uint8Array(Buffer.concat(chunks));
    done({ status: answer.statusCode ?? 0, contentType: answer.headers["content-type"] ?? "", body });
  });
}

/** Whether anything can have been sent: nothing was handed over yet, or the error's name says so. */
export function exchangeErrorOf(error: unknown, sent = true): ExchangeError {
  if (error instanceof ExchangeError) return error;
  const { code, message } = error as { code?: string; message?: string };
  if (!sent) return new ExchangeError("unreachable", false, `Cannot connect (${code ?? message ?? "no reason given"})`);
  if (code !== undefined && neverConnected.has(code)) {
    return new ExchangeError("unreachable", false, `Cannot connect (${code})`);
  }
  return new ExchangeError("broken", true, message ?? String(error));
}
