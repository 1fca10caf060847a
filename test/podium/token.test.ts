import { expect, test } from "bun:test";
import { createHmac } from "node:crypto";
import { jwtVerify } from "jose";
import { runtime } from "../../src/runtime/bun.ts";
import { createTokenSource } from "../../src/podium/token.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";

const { hmacSha256 } = runtime;
const secret = "a secret of thirty-two bytes, ok";
const receipt = { seq: 41, hash: "ab".repeat(32) };

/** RFC 7515 checked by hand, without the library that signs: header, claims, and the HMAC over both. */
function opened(token: string, key: string): { header: unknown; claims: Record<string, unknown> } {
  const [header, claims, signature] = token.split(".") as [string, string, string];
  expect(createHmac("sha256", key).update(`${header}.${claims}`).digest("base64url")).toBe(signature);
  const read = (part: string): unknown => JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
  return { header: read(header), claims: read(claims) as Record<string, unknown> };
}

test("a command's token says who, what for, since when and until when, and where it is on record", async () => {
  const clock = new FakeClock();
  clock.pass(999);
  const token = await createTokenSource({ secret, ttlS: 60, clock, hmacSha256 })({
    subject: "mark",
    role: "admin",
    auditId: "AUD-1",
    receipt,
  });
  const { header, claims } = opened(token!, secret);
  expect(header).toEqual({ alg: "HS256", typ: "JWT" });
  const issuedAt = morning / 1000;
  expect(claims).toEqual({
    iss: "roxy-core",
    sub: "mark",
    role: "admin",
    iat: issuedAt,
    exp: issuedAt + 60,
    jti: "AUD-1",
    receipt,
  });
});

test("a viewer's token claims no record that it does not have", async () => {
  const source = createTokenSource({ secret, ttlS: 60, clock: new FakeClock(), hmacSha256 });
  const { claims } = opened((await source({ subject: "roxy-core", role: "viewer" }))!, secret);
  expect(Object.keys(claims).toSorted()).toEqual(["exp", "iat", "iss", "role", "sub"]);
  expect(claims["role"]).toBe("viewer");
});

test("each token is made at its own time", async () => {
  const clock = new FakeClock();
  const source = createTokenSource({ secret, ttlS: 60, clock, hmacSha256 });
  await source({ subject: "mark", role: "admin" });
  clock.pass(30_000);
  const { claims } = opened((await source({ subject: "mark", role: "admin" }))!, secret);
  expect(claims["exp"]).toBe(morning / 1000 + 90);
});

test("a secret is used as its UTF-8 bytes", async () => {
  const key = "schlüssel-🔑-of-more-than-32-bytes";
  const source = createTokenSource({ secret: key, ttlS: 60, clock: new FakeClock(), hmacSha256 });
  expect(opened((await source({ subject: "mark", role: "admin" }))!, key).claims["sub"]).toBe("mark");
});

test("without a secret the fixed token goes out as it is, or none", async () => {
  const clock = new FakeClock();
  const claims = { subject: "mark", role: "admin" } as const;
  expect(await createTokenSource({ fixedToken: "f1xed", ttlS: 60, clock, hmacSha256 })(claims)).toBe("f1xed");
  expect(await createTokenSource({ ttlS: 60, clock, hmacSha256 })(claims)).toBeUndefined();
});

test("the secret wins over the fixed token", async () => {
  const source = createTokenSource({ secret, fixedToken: "f1xed", ttlS: 60, clock: new FakeClock(), hmacSha256 });
  expect(opened((await source({ subject: "mark", role: "admin" }))!, secret).claims["iss"]).toBe("roxy-core");
});

test("a library that knows nothing of us accepts it, until it expires, and under no other secret", async () => {
  const clock = new FakeClock();
  const token = (await createTokenSource({ secret, ttlS: 60, clock, hmacSha256 })({ subject: "märk", role: "admin" }))!;
  const key = new TextEncoder().encode(secret);
  const at = (afterS: number) => ({ issuer: "roxy-core", currentDate: new Date(clock.now() + afterS * 1000) });
  const { payload } = await jwtVerify(token, key, at(59));
  expect(payload.sub).toBe("märk");
  expect(jwtVerify(token, key, at(60))).rejects.toThrow("exp");
  expect(jwtVerify(token, new TextEncoder().encode(`${secret}!`), at(0))).rejects.toThrow("signature");
});
