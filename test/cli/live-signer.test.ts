import { expect, test } from "bun:test";
import { generateKeyPairSync } from "node:crypto";
import { decodeProtectedHeader } from "jose";
import { LiveSigner } from "../../src/cli/live-signer.ts";
import { loadConfig } from "../../src/config/load.ts";
import type { Secrets } from "../../src/config/schema.ts";
import { inputOf } from "../config/inputs.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { runtime } from "#runtime";

const { config } = loadConfig(inputOf({}));
const pem = (): string => generateKeyPairSync("ed25519").privateKey.export({ type: "pkcs8", format: "pem" });
const [secret, key, newKey] = ["0123456789abcdef0123456789abcdef", pem(), pem()];
const claims = { subject: "mark", role: "admin" } as const;

const signerWith = (secrets: Secrets): LiveSigner =>
  new LiveSigner(config, secrets, new FakeClock(), runtime.hmacSha256);

/** What signs now, what signed before, and what is published: algorithms and key ids. */
async function shown(signer: LiveSigner): Promise<unknown> {
  const headerOf = (token: string | undefined): string | undefined => {
    if (token === undefined) return undefined;
    const { alg, kid } = decodeProtectedHeader(token);
    return kid === undefined ? alg! : kid;
  };
  const kids = (await signer.jwks()).keys.map(({ kid }) => kid);
  return [headerOf(await signer.token(claims)), headerOf(await signer.previousToken?.(claims)), kids];
}

test("a running gateway changes over from a secret to a key, to a newer key, and back, one step a reload", async () => {
  const { token } = signerWith({ podiumJwtSecret: secret });
  expect(decodeProtectedHeader((await token(claims))!)).toEqual({ alg: "HS256", typ: "JWT" });

  const signer = signerWith({ podiumJwtSecret: secret });
  expect(await shown(signer)).toEqual(["HS256", undefined, []]);
  signer.change(config, { podiumJwtPrivateKey: key, podiumJwtSecretPrevious: secret });
  const { keys } = await signer.jwks();
  const kid = keys[0]!.kid;
  expect(await shown(signer)).toEqual([kid, "HS256", [kid]]);
  signer.change(config, { podiumJwtPrivateKey: newKey, podiumJwtPrivateKeyPrevious: key });
  const newKid = (await signer.jwks()).keys[0]!.kid;
  expect(newKid).not.toBe(kid);
  expect(await shown(signer)).toEqual([newKid, kid, [newKid, kid]]);
  signer.change(config, { podiumJwtSecret: secret, podiumJwtPrivateKeyPrevious: newKey });
  expect(await shown(signer)).toEqual(["HS256", newKid, [newKid]]);
});

test("what came before nothing signs nothing, and a fixed token gives way to a key", async () => {
  const alone = signerWith({ podiumJwtPrivateKeyPrevious: key, podiumToken: "f1xed-token-of-podium" });
  expect([await alone.token(claims), alone.previousToken, await alone.jwks()]).toEqual([
    "f1xed-token-of-podium",
    undefined,
    { keys: [] },
  ]);
  const signer = signerWith({ podiumJwtPrivateKey: key, podiumToken: "f1xed-token-of-podium" });
  expect(decodeProtectedHeader((await signer.token(claims))!).alg).toBe("EdDSA");
  expect(signer.stream.ttlS).toBe(config.podium.stream_token_ttl_s);
  for (const other of [signerWith({}), alone]) expect(other.stream.ttlS).toBeUndefined();
});
