import { exchangeErrorOf, nodeExchange } from "./node-exchange.ts";
import type { Exchange } from "./types.ts";
import { ExchangeError } from "./types.ts";

/**
 * {@link Exchange} over Bun's own `fetch`, which costs a third of `node:http` here. Bun does not re-send a request whose
 * connection dies (the tests of this folder hold it to that); redirects and proxies are switched off.
 */
export const bunExchange: Exchange = async (request) => {
  // Bun runs 256 fetches at a time and queues the rest; `node:http` has no such line.
  if (request.urgent) return nodeExchange(request);
  const { url, method, headers, body, timeoutMs, bodyBytesMax } = request;
  try {
    const response = await fetch(url, {
      method,
      headers,
      ...(body !== undefined && { body }),
      redirect: "manual",
      // A pooled connection may be closed by the server in the moment that we write: an unknown outcome for nothing.
      keepalive: method === "GET",
      proxy: false,
      signal: AbortSignal.timeout(timeoutMs),
    });
    const contentType = response.headers.get("content-type") ?? "";
    return { status: response.status, contentType, body: await readBody(response, bodyBytesMax) };
  } catch (error) {
    if (error instanceof Error && error.name === "TimeoutError") {
      throw new ExchangeError("timeout", true, `No answer within ${timeoutMs} ms`);
    }
    throw exchangeErrorOf(error);
  }
};

async function readBody(response: Response, bytesMax: number): Promise<Uint8Array> {
  const promised = Number(response.headers.get("content-length") ?? NaN);
  if (promised > bytesMax) {
    await response.body?.cancel();
    throw tooLarge(bytesMax);
  }
  // Whole at once when its length is known and small: a reader for each answer costs more than the answer.
  // A compressed one promises the length it had on the wire, and may unfold to anything.
  if (promised <= bytesMax && !response.headers.has("content-encoding")) return response.bytes();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.length;
    // Leaving the loop cancels the stream and with it the connection.
    if (bytes > bytesMax) throw tooLarge(bytesMax);
    chunks.push(chunk);
  }
  return new Uint8Array(Buffer.concat(chunks));
}

function tooLarge(bytesMax: number): ExchangeError {
  return new ExchangeError("too_large", true, `The answer is longer than ${bytesMax} bytes`);
}
