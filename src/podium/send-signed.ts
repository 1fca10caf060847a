import type { PodiumRequest } from "../wire/podium.ts";
import type { PodiumClient } from "./client.ts";
import type { TokenClaims, TokenSource } from "./token.ts";
import type { Verdict } from "./verdict.ts";

export interface Signer {
  readonly token: TokenSource;
  /** Signs with the secret from before the last change; absent when there is none. */
  readonly previousToken?: TokenSource | undefined;
}

/**
 * Whether Podium has refused the token, and with it the request unseen (RFC 9110 section 15.5.2): the one answer after
 * which the same request may go out a second time.
 */
export function refusedToken(verdict: Verdict): boolean {
  return verdict.kind === "refused" && verdict.httpStatus === 401;
}

/** A question to Podium, asked again with the previous secret when Podium does not know the current one yet. */
export async function sendSigned(
  signer: Signer & { readonly podium: PodiumClient },
  request: PodiumRequest,
  claims: TokenClaims,
  timeoutMs?: number,
): Promise<Verdict> {
  const options = timeoutMs === undefined ? {} : { timeoutMs };
  const { podium } = signer;
  const verdict = await podium.send(request, await signer.token(claims), options);
  // Looked at only now: a gateway that is about to end has none any more.
  const { previousToken } = signer;
  if (!previousToken || !refusedToken(verdict)) return verdict;
  return podium.send(request, await previousToken(claims), options);
}
