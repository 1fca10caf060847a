import { createHmac, timingSafeEqual } from "node:crypto";
import type { Json } from "./http-client.ts";

export interface Token {
  readonly header: Json;
  readonly claims: Json;
}

/** Verifies an HS256 token (RFC 7518 section 3.2) with nothing but an HMAC. @throws when it is not valid */
export function verifyToken(token: string, secret: string): Token {
  const [header, claims, signature, ...more] = token.split(".");
  if (!header || !claims || !signature || more.length > 0) throw new Error(`Not a compact JWS: ${token}`);
  const decode = (part: string): Json => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  const expected = createHmac("sha256", secret).update(`${header}.${claims}`).digest();
  const given = Buffer.from(signature, "base64url");
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) throw new Error("The signature is wrong");
  return { header: decode(header), claims: decode(claims) };
}
