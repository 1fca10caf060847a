import { expect, test } from "bun:test";
import fc from "fast-check";
import { withoutToken, withoutTokens } from "../../src/podium/redact.ts";
import { createTokenSource } from "../../src/podium/token.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { runtime } from "#runtime";

const odd = 'Zm9v/YmFy+SECRET"x\\';

test.each([
  ["as it is", odd],
  ["in JSON", JSON.stringify({ error: `bad ${odd}` })],
  ["in JSON that escapes slashes, too", JSON.stringify(odd).replaceAll("/", String.raw`\/`)],
  ["in a URL", `ws://podium/ws?token=${encodeURIComponent(odd)}`],
])("a token that is repeated %s is taken out", (_, text) => {
  const clean = withoutToken(text, odd);
  expect(clean).toContain("[token]");
  expect(clean).not.toContain("SECRET");
});

test("a text without the token is left as it is", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), (text, token) => {
      fc.pre(!text.includes(token) && !text.includes(encodeURIComponent(token)));
      fc.pre(!text.includes(JSON.stringify(token).slice(1, -1)));
      expect(withoutToken(text, token)).toBe(text);
    }),
  );
  for (const none of ["", undefined]) expect(withoutToken("text", none)).toBe("text");
});

test("what Podium says unasked holds neither a JWT of ours nor the token that never changes", async () => {
  const sign = createTokenSource({
    secret: "a secret of at least thirty-two bytes",
    ttlS: 60,
    clock: new FakeClock(),
    hmacSha256: runtime.hmacSha256,
  });
  const jwt = await sign({ subject: "roxy-core", role: "viewer" });
  expect(withoutTokens(`{"url":"/ws?token=${jwt}","fixed":"${odd}"}`, odd)).toBe(
    '{"url":"/ws?token=[token]","fixed":"[token]"}',
  );
  const harmless = '{"storyId":"eyJ","v":"1.2.3","at":"2026-01-09T08:00:00.000Z"}';
  expect(withoutTokens(harmless, undefined)).toBe(harmless);
});
