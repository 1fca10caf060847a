import type { ClientRequest, IncomingMessage } from "node:http";
import { requestTarget } from "../lib/unix-url.ts";
import { exchangeErrorOf, httpAgent, httpsAgent } from "./node-exchange.ts";
import type { Follow, FollowedAnswer, FollowRequest } from "./types.ts";
import { ExchangeError } from "./types.ts";

// Not imported: a bundler loads every import of the runtime's own modules at once, and Bun's start can do without these.
const http = process.getBuiltinModule("node:http");
const https = process.getBuiltinModule("node:https");

/** {@link Follow} over `node:http`, with a connection of its own for the same reasons as an exchange. */
export const nodeFollow: Follow = (request) =>
  new Promise((resolve, reject) => {
    const isSecure = request.url.startsWith("https:");
    const send = isSecure ? https.request : http.request;
    const { url, socketPath } = requestTarget(request.url);
    const outgoing = send(url, {
      method: "GET",
      ...(socketPath !== undefined && { socketPath }),
      headers: { ...request.headers },
      agent: isSecure ? httpsAgent : httpAgent,
    });
    const late = new ExchangeError("timeout", true, `No answer within ${request.headMs} ms`);
    const timer = setTimeout(() => outgoing.destroy(late), request.headMs);
    const fail = (error: unknown): void => {
      clearTimeout(timer);
      reject(exchangeErrorOf(error));
    };
    outgoing.on("error", fail);
    outgoing.on("close", () => fail(new Error("The connection was closed before an answer came")));
    outgoing.on("response", (answer) => {
      clearTimeout(timer);
      resolve(followed(request, outgoing, answer));
    });
    outgoing.end();
  });

function followed({ idleMs }: FollowRequest, outgoing: ClientRequest, answer: IncomingMessage): FollowedAnswer {
  let closed = false;
  const headers = Object.entries(answer.headers).map(([name, value]) => [name, String(value ?? "")] as const);
  // Whoever only wants the head never reads the body, and its end must not be nobody's error.
  answer.on("error", () => {});
  return {
    status: answer.statusCode ?? 0,
    headers: Object.fromEntries(headers),
    chunks: chunksOf(answer, idleMs, () => closed),
    close() {
      closed = true;
      outgoing.destroy();
      answer.destroy();
    },
  };
}

async function* chunksOf(answer: IncomingMessage, idleMs: number, isClosed: () => boolean): AsyncGenerator<Uint8Array> {
  const silent = (): void => {
    answer.destroy(new ExchangeError("timeout", true, `Nothing came for ${idleMs} ms`));
  };
  let timer = setTimeout(silent, idleMs);
  try {
    for await (const chunk of answer) {
      clearTimeout(timer);
      yield chunk as Uint8Array;
      timer = setTimeout(silent, idleMs);
    }
    if (!answer.complete && !isClosed()) throw new Error("The connection was closed in the middle of the answer");
  } catch (error) {
    if (!isClosed()) throw exchangeErrorOf(error);
  } finally {
    clearTimeout(timer);
  }
}
