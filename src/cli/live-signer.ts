import type { Config, Secrets } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import type { Signer } from "../podium/send-signed.ts";
import type { StreamSigner } from "../podium/telemetry.ts";
import type { TokenClaims, TokenOptions, TokenSource } from "../podium/token.ts";
import { createTokenSource } from "../podium/token.ts";
import type { Runtime } from "../runtime/types.ts";

/** Signs for Podium with the secrets of this moment: a reload brings others, and nobody who holds this notices. */
export class LiveSigner implements Signer {
  readonly #tools: Pick<TokenOptions, "clock" | "hmacSha256">;
  #latest: TokenSource;
  #previous: TokenSource | undefined;
  #stream: StreamSigner;

  constructor(config: Config, secrets: Secrets, clock: Clock, hmacSha256: Runtime["hmacSha256"]) {
    this.#tools = { clock, hmacSha256 };
    const { latest, previous, stream } = this.#sources(config, secrets);
    this.#latest = latest;
    this.#previous = previous;
    this.#stream = stream;
  }

  change(config: Config, secrets: Secrets): void {
    const { latest, previous, stream } = this.#sources(config, secrets);
    this.#latest = latest;
    this.#previous = previous;
    this.#stream = stream;
  }

  /** For the telemetry stream, whose token has to outlive a command's. */
  get stream(): StreamSigner {
    return this.#stream;
  }

  readonly token = (claims: TokenClaims): Promise<string | undefined> => this.#latest(claims);

  get previousToken(): TokenSource | undefined {
    return this.#previous;
  }

  #sources(
    { podium }: Config,
    { podiumJwtSecret: secret, podiumJwtSecretPrevious: secretBefore, podiumToken: fixedToken }: Secrets,
  ): { latest: TokenSource; previous: TokenSource | undefined; stream: StreamSigner } {
    const tools = this.#tools;
    const latest = (ttlS: number): TokenSource =>
      createTokenSource({ ...(secret !== undefined && { secret }), ...(fixedToken && { fixedToken }), ttlS, ...tools });
    const previous = (ttlS: number): TokenSource | undefined =>
      secret === undefined || secretBefore === undefined
        ? undefined
        : createTokenSource({ secret: secretBefore, ttlS, ...tools });
    const streamTtlS = podium.stream_token_ttl_s;
    return {
      latest: latest(podium.token_ttl_s),
      previous: previous(podium.token_ttl_s),
      // Without a secret of ours nothing expires that we could make anew.
      stream: {
        token: latest(streamTtlS),
        previousToken: previous(streamTtlS),
        ttlS: secret === undefined ? undefined : streamTtlS,
      },
    };
  }
}
