import type { Config, Secrets } from "../config/schema.ts";
import type { Clock } from "../lib/clock.ts";
import type { EdDsaKey } from "../podium/eddsa-token.ts";
import { createEdDsaTokenSource, eddsaKey } from "../podium/eddsa-token.ts";
import { withoutTokens } from "../podium/redact.ts";
import type { Signer } from "../podium/send-signed.ts";
import type { StreamSigner } from "../podium/telemetry.ts";
import type { TokenClaims, TokenOptions, TokenSource } from "../podium/token.ts";
import { createTokenSource } from "../podium/token.ts";
import type { Runtime } from "../runtime/types.ts";
import type { JwkSet } from "../wire/jwk-set.ts";

/** What signs: a secret that Podium has too, or a key of which Podium has the public half. */
type SigningKey = { readonly secret: string } | { readonly key: Promise<EdDsaKey> };

interface Sources {
  readonly latest: TokenSource;
  readonly previous: TokenSource | undefined;
  readonly stream: StreamSigner;
  readonly fixedToken: string | undefined;
  /** Those with a public half. */
  readonly keys: readonly Promise<EdDsaKey>[];
}

/** Signs for Podium with the secrets of this moment: a reload brings others, and nobody who holds this notices. */
export class LiveSigner implements Signer {
  readonly #tools: Pick<TokenOptions, "clock" | "hmacSha256">;
  #sources: Sources;
  #isEnding = false;

  constructor(config: Config, secrets: Secrets, clock: Clock, hmacSha256: Runtime["hmacSha256"]) {
    this.#tools = { clock, hmacSha256 };
    this.#sources = this.#sourcesOf(config, secrets);
  }

  change(config: Config, secrets: Secrets): void {
    this.#sources = this.#sourcesOf(config, secrets);
  }

  /** For the telemetry stream, whose token has to outlive a command's. */
  get stream(): StreamSigner {
    return this.#sources.stream;
  }

  /** What Podium says, without any token that it was shown. */
  readonly redact = (text: string): string => withoutTokens(text, this.#sources.fixedToken);

  readonly token = (claims: TokenClaims): Promise<string | undefined> => this.#sources.latest(claims);

  get previousToken(): TokenSource | undefined {
    return this.#isEnding ? undefined : this.#sources.previous;
  }

  /**
   * From now on nothing is sent a second time: an end would then last twice `podium.timeout_ms`, longer than a service
   * manager waits. A 401 is a definite refusal without it.
   */
  end(): void {
    this.#isEnding = true;
  }

  /** The public halves of the keys in use, the newest first. */
  async jwks(): Promise<JwkSet> {
    return { keys: (await Promise.all(this.#sources.keys)).map(({ published }) => published) };
  }

  #sourcesOf({ podium }: Config, secrets: Secrets): Sources {
    const latest = signingKey(secrets.podiumJwtSecret, secrets.podiumJwtPrivateKey);
    // Without a newer one it is nobody's predecessor.
    const before = latest && signingKey(secrets.podiumJwtSecretPrevious, secrets.podiumJwtPrivateKeyPrevious);
    const { podiumToken: fixedToken } = secrets;
    const fixed = createTokenSource({ ...(fixedToken && { fixedToken }), ttlS: 0, ...this.#tools });
    const newest = (ttlS: number): TokenSource => (latest ? this.#source(latest, ttlS) : fixed);
    const older = (ttlS: number): TokenSource | undefined => before && this.#source(before, ttlS);
    const streamTtlS = podium.stream_token_ttl_s;
    return {
      latest: newest(podium.token_ttl_s),
      previous: older(podium.token_ttl_s),
      // Without a secret of ours nothing expires that we could make anew.
      fixedToken,
      stream: { token: newest(streamTtlS), previousToken: older(streamTtlS), ttlS: latest && streamTtlS },
      keys: [latest, before].flatMap((one) => (one && "key" in one ? [one.key] : [])),
    };
  }

  #source(signing: SigningKey, ttlS: number): TokenSource {
    return "key" in signing
      ? createEdDsaTokenSource({ key: signing.key, ttlS, clock: this.#tools.clock })
      : createTokenSource({ secret: signing.secret, ttlS, ...this.#tools });
  }
}

function signingKey(secret: string | undefined, privateKey: string | undefined): SigningKey | undefined {
  if (privateKey !== undefined) return { key: eddsaKey(privateKey) };
  return secret === undefined ? undefined : { secret };
}
