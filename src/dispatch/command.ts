import { Problem } from "../lib/errors.ts";
import type { Trace } from "../lib/trace.ts";
import type { Command, DispatchRequest } from "../wire/dispatch.ts";
import { dispatchRequestSchema, idempotencyKeyForm } from "../wire/dispatch.ts";
import { faultsOf } from "../wire/problem.ts";
import { parseStrictJson } from "../wire/strict-json.ts";

/** Who asks, as it is recorded. */
export interface Asker {
  readonly source: string;
  readonly user_id?: string | undefined;
  readonly session_id?: string | undefined;
  /** `local`: the name is claimed. `token`: the name is the token's owner. */
  readonly auth_mode: "local" | "token";
}

/** Whoever waits for the answer. */
export interface Client {
  /** Aborted when the client hangs up. Looked at only while its dispatch waits in the lane. */
  readonly signal: AbortSignal;
}

/** One request to dispatch, after authentication. */
export interface Incoming {
  readonly command: Command;
  readonly asker: Asker;
  readonly idempotencyKey?: string | undefined;
  readonly client: Client;
  /** Names the request in log, record and towards Podium. */
  readonly trace?: Trace | undefined;
}

/** The key that a dispatch is remembered by. A look at the status executes nothing, so its key stays free for a command. */
export function keyOf({ command, idempotencyKey }: Incoming): string | undefined {
  return command.action === "status" ? undefined : idempotencyKey;
}

/**
 * The validated body of a dispatch.
 * @throws Problem `invalid_request` with a JSON Pointer for each fault
 */
export function parseDispatch(body: Uint8Array, owner: string | undefined): Pick<Incoming, "command" | "asker"> {
  const parsed = parseStrictJson(body);
  if (!parsed.ok)
    throw new Problem("invalid_request", `${parsed.fault.detail}; nothing was executed`, { errors: [parsed.fault] });
  const request = dispatchRequestSchema.safeParse(parsed.value);
  if (!request.success) {
    const errors = faultsOf(request.error);
    const first = errors[0];
    const where = first?.pointer ? `${first.pointer}: ` : "";
    throw new Problem("invalid_request", `${where}${first?.detail ?? "Invalid request"}; nothing was executed`, {
      errors,
    });
  }
  return { command: commandOf(request.data), asker: askerOf(request.data, owner) };
}

function commandOf({ action, payload }: DispatchRequest): Command {
  return { action, ...payload } as Command;
}

function askerOf({ source, auth }: DispatchRequest, owner: string | undefined): Asker {
  return {
    source: source ?? "unspecified",
    user_id: owner ?? auth?.user_id,
    session_id: auth?.session_id,
    auth_mode: owner !== undefined ? "token" : "local",
  };
}

/**
 * The value of an Idempotency-Key header: a quoted string (RFC 8941, as the draft asks) or the bare key that most
 * clients send. 1 to 255 printable ASCII characters without a comma, which is how two header lines arrive as one (RFC
 * 9110, section 5.3): the halves of `"a` and `b"` would make one key. The draft leaves a key's form to the server.
 * @throws Problem `invalid_request`
 */
export function parseIdempotencyKey(header: string | null): string | undefined {
  if (header === null) return undefined;
  const trimmed = header.trim();
  const quoted = /^"((?:[\x20-\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]|\\["\\])*)"$/.exec(trimmed);
  const key = quoted ? quoted[1]!.replaceAll(/\\(.)/g, "$1") : trimmed;
  const valid = quoted ? /^[\x20-\x7e]{1,255}$/.test(key) : /^[\x21\x23-\x2b\x2d-\x5b\x5d-\x7e]{1,255}$/.test(key);
  if (valid) return key;
  throw new Problem(
    "invalid_request",
    `Idempotency-Key must be one key (${idempotencyKeyForm}); nothing was executed`,
    { errors: [{ pointer: "", detail: "Invalid Idempotency-Key header" }] },
  );
}
