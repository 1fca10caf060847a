import { Problem } from "../lib/errors.ts";

/**
 * A body that is too long is read on and thrown away up to this many bytes: a connection that is closed with data unread
 * is reset, and the client would never see the answer that explains.
 */
const passedOverBytesMax = 33_554_432;
/** And for no longer than this. */
const passOverMs = 2_000;

/**
 * The body of a JSON request, read no further than the bound.
 * @throws Problem `unsupported_media_type` or `too_large`
 */
export async function readJsonBody(request: Request, bytesMax: number): Promise<Uint8Array> {
  const type = request.headers.get("content-type") ?? "";
  // Only this type makes a browser ask first (CORS preflight), so nothing simpler is taken.
  if (!/^application\/json\s*(;|$)/i.test(type)) {
    throw new Problem(
      "unsupported_media_type",
      "Send the body as Content-Type: application/json; nothing was executed",
    );
  }
  const promised = Number(request.headers.get("content-length") ?? NaN);
  if (promised > bytesMax) {
    await passOver(request);
    throw tooLarge(bytesMax);
  }
  // Its length is known and allowed: reading it at once costs a tenth of reading a stream.
  if (promised <= bytesMax) return new Uint8Array(await request.arrayBuffer());
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

async function passOver(request: Request): Promise<void> {
  const reader = request.body?.getReader();
  const late = new Promise<undefined>((resolve) => setTimeout(() => resolve(undefined), passOverMs));
  let bytes = 0;
  while (reader && bytes <= passedOverBytesMax) {
    const chunk = await Promise.race([reader.read(), late]);
    if (!chunk || chunk.done) return;
    bytes += chunk.value.length;
  }
}

function tooLarge(bytesMax: number): Problem {
  return new Problem(
    "too_large",
    `The body is longer than ${bytesMax} bytes (limits.body_bytes_max); nothing was executed`,
  );
}
