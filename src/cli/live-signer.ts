import type { Config, Secrets } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import type { Signer } from "../podium/send-signed.ts";
import type { StreamSigner } from "../podium/telemetry.ts";
import type { TokenClaims, TokenSource } from "../podium/token.ts";
import { createTokenSource } from "../podium/token.ts";

/** Signs for Podium with the secrets of this moment: a reload brings others, and nobody who holds this notices. */
export class LiveSigner implements Signer {
  readonly #clock: Clock;
  #latest: TokenSource;
  #previous: TokenSource | undefined;
  #stream: StreamSigner;

  constructor(config: Config, secrets: Secrets, clock: Clock) {
    this.#clock = clock;
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
    const clock = this.#clock;
    const latest = (ttlS: number): TokenSource =>
      createTokenSource({ ...(secret !== undefined && { secret }), ...(fixedToken && { fixedToken }), ttlS, clock });
    const previous = (ttlS: number): TokenSource | undefined =>
      secret === undefined || secretBefore === undefined
        ? undefined
        : createTokenSource({ secret: secretBefore, ttlS, clock });
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
