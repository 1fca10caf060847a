import { Problem } from "../lib/errors.ts";

/**
 * A body that is too long is read on and thrown away up to this many bytes: a connection that is closed with data unread
 * is reset, and the client would never see the answer that explains.
 */
const passedOverBytesMax = 33_554_432;
/** And for no longer than this. */
const passOverMs = 2_000;

const json = /^application\/json\s*(;|$)/i;

/** 64 KiB take a second on a line of 64 kB/s; whoever drips them longer holds a connection, not a conversation. */
export const bodyMs = 10_000;

/**
 * The body of a JSON request, read no further than the bound and no longer than `patienceMs`.
 * @throws Problem `unsupported_media_type`, `too_large`, `too_slow`, or `cancelled_by_client` when the connection ends first
 */
export async function readJsonBody(request: Request, bytesMax: number, patienceMs = bodyMs): Promise<Uint8Array> {
  const type = request.headers.get("content-type") ?? "";
  // Only this type makes a browser ask first (CORS preflight), so nothing simpler is taken.
  if (!json.test(type)) {
    throw new Problem(
      "unsupported_media_type",
      "Send the body as Content-Type: application/json; nothing was executed",
    );
  }
  const { promise, resolve, reject } = Promise.withResolvers<Uint8Array>();
  const timer = setTimeout(() => reject(tooSlow(patienceMs)), patienceMs);
  try {
    readBounded(request, bytesMax).then(resolve, (error: unknown) => reject(problemOf(error)));
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

function readBounded(request: Request, bytesMax: number): Promise<Uint8Array> {
  const promised = Number(request.headers.get("content-length") ?? NaN);
  // Its length is known and allowed: reading it at once costs a tenth of reading a stream.
  if (promised <= bytesMax) return request.bytes();
  return promised > bytesMax ? refuseLong(request, bytesMax) : readStream(request, bytesMax);
}

async function refuseLong(request: Request, bytesMax: number): Promise<never> {
  await passOver(request);
  throw tooLarge(bytesMax);
}

async function readStream(request: Request, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length;
    if (bytes <= bytesMax) chunks.push(chunk);
    else if (bytes > passedOverBytesMax) break;
  }
  if (bytes > bytesMax) throw tooLarge(bytesMax);
  if (chunks.length === 1) return chunks[0]!;
  const whole = new Uint8Array(bytes);
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

async function passOver({ body }: Request): Promise<void> {
  if (!body) return;
  const reader = body.getReader();
  // A race against a promise of the end would keep each chunk until that one is settled.
  const timer = setTimeout(() => void reader.cancel().catch(() => {}), passOverMs);
  try {
    for (let bytes = 0; bytes <= passedOverBytesMax;) {
      const chunk = await reader.read();
      if (chunk.done) return;
      bytes += chunk.value.length;
    }
  } finally {
    clearTimeout(timer);
  }
}

/** Reading fails when there is nobody any more to read from. */
function problemOf(cause: unknown): Problem {
  if (cause instanceof Problem) return cause;
  const detail = "The connection ended in the middle of the body; nothing was executed";
  return new Problem("cancelled_by_client", detail, { cause });
}

function tooSlow(patienceMs: number): Problem {
  const detail = `The body did not arrive within ${patienceMs / 1000} s; nothing was executed`;
  return new Problem("too_slow", detail, { headers: { connection: "close" } });
}

function tooLarge(bytesMax: number): Problem {
  return new Problem(
    "too_large",
    `The body is longer than ${bytesMax} bytes (limits.body_bytes_max); nothing was executed`,
  );
}
