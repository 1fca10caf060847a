import { expect, test } from "bun:test";
import fc from "fast-check";
import { withoutToken, withoutTokens } from "../../src/podium/redact.ts";
import { createTokenSource } from "../../src/podium/token.ts";
import { FakeClock } from "../lib/fake-clock.ts";
import { runtime } from "#runtime";

const odd = 'Zm9v/YmFy+SECRET"x\\';

const unicode = (one: string): string => String.raw`\u` + one.charCodeAt(0).toString(16).padStart(4, "0");

test.each([
  ["as it is", odd],
  ["in JSON", JSON.stringify({ error: `bad ${odd}` })],
  ["in JSON that escapes slashes, too", JSON.stringify(odd).replaceAll("/", String.raw`\/`)],
  ["in a URL", `ws://podium/ws?token=${encodeURIComponent(odd)}`],
  ["in a URL of lower case", `?token=${encodeURIComponent(odd).replaceAll(/%../g, (hex) => hex.toLowerCase())}`],
  ["in JSON that escapes all it may", Array.from(odd, (one) => (/\w/.test(one) ? one : unicode(one))).join("")],
])("a token that is repeated %s is taken out", (_, text) => {
  const clean = withoutToken(text, odd);
  expect(clean).toContain("[token]");
  for (const part of ["SECRET", "Zm9v", "YmFy"]) expect(clean).not.toContain(part);
  expect(clean).not.toMatch(/\[token\](u005c|\\)/);
});

test("a text without the token is left as it is", () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ minLength: 1 }), (text, token) => {
      // Without these it can't be spelled in another way.
      fc.pre(!text.includes(token) && !/[%\\]/.test(text));
      expect(withoutToken(text, token)).toBe(text);
    }),
  );
  for (const none of ["", undefined]) expect(withoutToken("text", none)).toBe("text");
  for (const word of ["dev", "7", "seven77"]) expect(withoutToken(`device 7 seven77`, word)).toBe("device 7 seven77");
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
