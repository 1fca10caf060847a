import type { Context } from "hono";
import type { Connection } from "../../runtime/types.ts";
import { parseStrictJson } from "../../wire/strict-json.ts";
import type { Caller } from "../admission.ts";
import { Refusal } from "../vocabulary.ts";

/** What a request carries through the routes. */
export interface LunoEnv {
  Bindings: { connection: Connection };
  Variables: { caller: Caller };
}

/** The largest legal command has two ids and 4 KiB of options. */
const bodyBytesMax = 65_536;

/** The body as a JSON object. @throws Refusal 400 or 413 */
export async function readObject(c: Context<LunoEnv>): Promise<object> {
  const json = parseStrictJson(await readBody(c.req.raw));
  if (!json.ok) throw new Refusal(`Cannot read the body: ${json.fault.detail}`, 400);
  const { value } = json;
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new Refusal("Cannot read the body: it is not a JSON object", 400);
}

/** Stops reading at the limit, whatever the length header promised. */
async function readBody(request: Request): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  for await (const chunk of request.body ?? []) {
    length += chunk.length;
    if (length > bodyBytesMax) throw new Refusal(`Cannot read the body: it has more than ${bodyBytesMax} bytes`, 413);
    chunks.push(chunk);
  }
  const bytes = new Uint8Array(length);
  let offset = 0;
  for (const chunk of chunks) {
    bytes.set(chunk, offset);
    offset += chunk.length;
  }
  return bytes;
}
