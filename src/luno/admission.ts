import { errors, jwtVerify } from "jose";
import { z } from "zod";
import type { Receipt } from "../wire/dispatch.ts";
import { receiptSchema } from "../wire/dispatch.ts";
import { Refusal } from "./vocabulary.ts";

/** Who asks, by what the token says. */
export interface Caller {
  readonly name: string;
  /** Absent in a token without a known role: such a caller may do nothing. */
  readonly role?: "admin" | "viewer";
  /** The token's `jti`. */
  readonly tokenId?: string;
  /** Where roxy-core's audit chain holds the intent behind this request. */
  readonly receipt?: Receipt;
}

export interface AdmissionOptions {
  /** HS256 secret (`PODIUM_JWT_SECRET`). */
  readonly secret?: string;
  /** A token that is accepted as it stands (`ROXY_PODIUM_TOKEN`); its holder is an admin. */
  readonly fixedToken?: string;
  readonly sha256: (text: string) => string;
}

/** Without a secret and a fixed token every caller is let in: development mode. */
export function isOpen({ secret, fixedToken }: Pick<AdmissionOptions, "secret" | "fixedToken">): boolean {
  return !secret && !fixedToken;
}

/** Names the holder of a token. @throws Refusal 401 when there is none or it does not hold */
export async function admit(token: string | undefined, options: AdmissionOptions): Promise<Caller> {
  if (isOpen(options)) return { name: "anonymous", role: "admin" };
  if (!token) throw new Refusal("Unauthorized: a token is needed", 401);
  if (isFixedToken(token, options)) return { name: "fixed-token", role: "admin" };
  if (!options.secret) throw new Refusal("Unauthorized: the token is not the one set here", 401);
  return verify(token, options.secret);
}

/** Digests are compared, not texts, so that the time taken tells nothing about the token. */
function isFixedToken(token: string, { fixedToken, sha256 }: AdmissionOptions): boolean {
  return Boolean(fixedToken) && sha256(token) === sha256(fixedToken ?? "");
}

const claimsSchema = z.object({
  sub: z.string().max(128).catch("unnamed"),
  role: z.enum(["admin", "viewer"]).optional().catch(undefined),
  jti: z.string().max(128).optional().catch(undefined),
  receipt: receiptSchema.optional().catch(undefined),
});

/** RFC 8725 section 3.1: the one algorithm is ours to name, never the token's. */
async function verify(token: string, secret: string): Promise<Caller> {
  try {
    const { payload } = await jwtVerify(token, new TextEncoder().encode(secret), { algorithms: ["HS256"] });
    const { sub, role, jti, receipt } = claimsSchema.parse(payload);
    const named = { name: sub, ...(role && { role }), ...(jti !== undefined && { tokenId: jti }) };
    return { ...named, ...(receipt && { receipt }) };
  } catch (error) {
    const why = error instanceof errors.JWTExpired ? "the token has expired" : "the token does not hold";
    throw new Refusal(`Unauthorized: ${why}`, 401);
  }
}

/** @throws Refusal 403 when the caller's role is too small */
export function demand(role: "admin" | "viewer", caller: Caller): void {
  if (caller.role === "admin" || (role === "viewer" && caller.role === "viewer")) return;
  throw new Refusal(`Forbidden: the role ${role} is needed, this token has ${caller.role ?? "no known role"}`, 403);
}
