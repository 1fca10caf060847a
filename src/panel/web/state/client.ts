import type { Fields } from "../api/json.ts";
import { firstText } from "../api/json.ts";

/** Who this page is to roxy-core, from `GET /api/session`. */
export interface ClientIdentity {
  /** Signed in with a token; without, everybody on this machine is let in. */
  readonly name?: string;
  /** A viewer only reads. A role that is not known here may still be let through: roxy-core decides. */
  readonly mayDispatch: boolean;
}

export const localClient: ClientIdentity = { mayDispatch: true };

export function readClient(body: Fields): ClientIdentity {
  const name = firstText(body, "auth_mode") === "token" ? firstText(body, "user_id") : undefined;
  return { mayDispatch: body["role"] !== "viewer", ...(name !== undefined && { name }) };
}
