import { expect, test } from "bun:test";
import type { KeyObject } from "node:crypto";
import { generateKeyPairSync } from "node:crypto";
import { calculateJwkThumbprint, createLocalJWKSet, jwtVerify } from "jose";
import { ed25519Pkcs8 } from "../../src/lib/ed25519-pem.ts";
import { createEdDsaTokenSource, eddsaKey } from "../../src/podium/eddsa-token.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

const receipt = { seq: 41, hash: "ab".repeat(32) };
const pemOf = ({ privateKey }: { privateKey: KeyObject }): string =>
  privateKey.export({ type: "pkcs8", format: "pem" });
const pem = (): string => pemOf(generateKeyPairSync("ed25519"));

test("a token is what any JWT library takes that knows the published key, and no other", async () => {
  const key = eddsaKey(pem());
  const token = await createEdDsaTokenSource({ key, ttlS: 60, clock: new FakeClock() })({
    subject: "mark",
    role: "admin",
    auditId: "AUD-1",
    receipt,
  });
  const { published } = await key;
  const options = { currentDate: new Date(morning), algorithms: ["EdDSA"] };
  const { protectedHeader, payload } = await jwtVerify(token!, createLocalJWKSet({ keys: [published] }), options);
  expect(protectedHeader).toEqual({ alg: "EdDSA", typ: "JWT", kid: published.kid });
  const iat = morning / 1000;
  expect(payload).toEqual({ iss: "roxy-core", sub: "mark", role: "admin", iat, exp: iat + 60, jti: "AUD-1", receipt });
  const stranger = (await eddsaKey(pem())).published;
  const forged = createLocalJWKSet({ keys: [{ ...stranger, kid: published.kid }] });
  expect(jwtVerify(token!, forged, options)).rejects.toThrow("signature verification failed");
});

test("a key's name is its RFC 7638 thumbprint, and nothing private is published", async () => {
  const { published } = await eddsaKey(pem());
  expect(published.kid).toBe(await calculateJwkThumbprint(published));
  expect(Object.keys(published).toSorted()).toEqual(["alg", "crv", "kid", "kty", "use", "x"]);
});

test("RFC 8037 appendix A: its key, its thumbprint and its signature come out as printed there", async () => {
  const d = Uint8Array.fromBase64("nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", { alphabet: "base64url" });
  const der = Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), d]);
  const key = await eddsaKey(`-----BEGIN PRIVATE KEY-----\n${der.toString("base64")}\n-----END PRIVATE KEY-----\n`);
  expect(key.published.x).toBe("11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  expect(key.published.kid).toBe("kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  expect(await key.sign("eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc")).toBe(
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg",
  );
});

test.each([
  ["another curve", pemOf(generateKeyPairSync("x25519"))],
  ["RSA", pemOf(generateKeyPairSync("rsa", { modulusLength: 2048 }))],
  ["a public key", "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEA\n-----END PUBLIC KEY-----"],
  ["half a key", `${pem().slice(0, 60)}\n-----END PRIVATE KEY-----`],
  ["no PEM", "hunter2"],
  ["nothing", ""],
])("%s is not taken for one", (_name, text) => {
  expect(ed25519Pkcs8(text)).toBeUndefined();
  expect(eddsaKey(text)).rejects.toThrow("Not an Ed25519 private key");
});
