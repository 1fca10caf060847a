import type { Config, Secrets } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import type { Signer } from "../podium/send-signed.ts";
import type { TokenClaims, TokenSource } from "../podium/token.ts";
import { createTokenSource } from "../podium/token.ts";

/** Signs for Podium with the secrets of this moment: a reload brings others, and nobody who holds this notices. */
export class LiveSigner implements Signer {
  readonly #clock: Clock;
  #latest: TokenSource;
  #previous: TokenSource | undefined;

  constructor(config: Config, secrets: Secrets, clock: Clock) {
    this.#clock = clock;
    this.#latest = this.#source(config, secrets.podiumJwtSecret, secrets.podiumToken);
    this.#previous = this.#previousSource(config, secrets);
  }

  change(config: Config, secrets: Secrets): void {
    this.#latest = this.#source(config, secrets.podiumJwtSecret, secrets.podiumToken);
    this.#previous = this.#previousSource(config, secrets);
  }

  readonly token = (claims: TokenClaims): Promise<string | undefined> => this.#latest(claims);

  get previousToken(): TokenSource | undefined {
    return this.#previous;
  }

  #source(config: Config, secret: string | undefined, fixedToken: string | undefined): TokenSource {
    return createTokenSource({
      ...(secret !== undefined && { secret }),
      ...(fixedToken !== undefined && { fixedToken }),
      ttlS: config.podium.token_ttl_s,
      clock: this.#clock,
    });
  }

  #previousSource(
    config: Config,
    { podiumJwtSecret, podiumJwtSecretPrevious: secret }: Secrets,
  ): TokenSource | undefined {
    if (podiumJwtSecret === undefined || secret === undefined) return undefined;
    return this.#source(config, secret, undefined);
  }
}
