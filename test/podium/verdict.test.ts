import { expect, test } from "bun:test";
import fc from "fast-check";
import { verdictOfAnswer, verdictOfError } from "../../src/podium/verdict.ts";
import { ExchangeError } from "../../src/runtime/types.ts";

function verdict(status: number, body: string | Uint8Array) {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  return verdictOfAnswer({ status, contentType: "application/json", body: bytes });
}

test.each([
  ["an object", '{"success":true,"storyId":"STORY-001"}'],
  ["an object that says nothing of success", '{"queued":1}'],
  ["success as a word, which is not a no", '{"success":"false"}'],
  ["an array", "[]"],
  ["a bare value", "true"],
  ["JSON between spaces", ' {"ok":1}\n'],
])("200 with %s is a yes, and comes through as it came", (_name, json) => {
  expect(verdict(200, json)).toEqual({ kind: "accepted", httpStatus: 200, json });
});

test("every status of 2xx is a yes when JSON comes with it", () => {
  for (const status of [201, 202, 299]) expect(verdict(status, "{}").kind).toBe("accepted");
});

test.each([
  [400, '{"error":"no such story"}', "400: no such story"],
  [401, "", "401: no words"],
  [404, "Not Found", "404: Not Found"],
  [409, '{"error":{"code":7}}', '409: {"code":7}'],
  [422, '{"message":"","detail":"stale nonce"}', "422: stale nonce"],
  [429, '{"message":"later"}', "429: later"],
])("%d is a no: nothing was executed", (status, body, detail) => {
  expect(verdict(status, body)).toMatchObject({ kind: "refused", code: "podium_rejected", detail, httpStatus: status });
});

test("an answer is judged as it came: a token that is taken out of it makes no yes doubtful", () => {
  const judged = (json: string) =>
    verdictOfAnswer({ status: 200, contentType: "", body: new TextEncoder().encode(json) }, "12345678");
  expect(judged('{"you":"12345678"}')).toEqual({ kind: "accepted", httpStatus: 200, json: '{"you":"[token]"}' });
  const bare = judged('{"position":12345678}');
  expect(bare).toEqual({ kind: "accepted", httpStatus: 200, json: JSON.stringify('{"position":[token]}') });
});

test("200 with success false is a no, in Podium's words", () => {
  const said = verdict(200, '{"success":false,"error":"STORY-001 is done"}');
  expect(said).toMatchObject({
    kind: "refused",
    code: "podium_rejected",
    detail: "STORY-001 is done",
    httpStatus: 200,
  });
});

test.each([
  [500, '{"error":"boom"}', "podium_invalid_response"],
  [502, "", "podium_invalid_response"],
  [503, "<html>", "podium_invalid_response"],
  [599, '{"success":false}', "podium_invalid_response"],
  [200, "", "podium_invalid_response"],
  [200, "<html>ok</html>", "podium_invalid_response"],
  [200, '{"success":true', "podium_invalid_response"],
  [204, "", "podium_invalid_response"],
  [302, '{"success":true}', "podium_invalid_response"],
  [199, "{}", "podium_invalid_response"],
  [600, "{}", "podium_invalid_response"],
  [0, "", "podium_invalid_response"],
])("%d with %p settles nothing", (status, body, code) => {
  expect(verdict(status, body)).toMatchObject({ kind: "unknown", code });
});

test("any answer gets a verdict, and a no only where Podium said no", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 999 }), fc.uint8Array({ maxLength: 64 }), (status, body) => {
      const said = verdict(status, body);
      const { kind } = said;
      // The alert for unknown outcomes goes by the code.
      if (said.kind !== "accepted") expect(said.code === "podium_rejected").toBe(said.kind === "refused");
      expect(kind === "refused").toBe(status >= 400 && status < 500);
      expect(kind).not.toBe("unsent");
      if (kind === "accepted") expect(status >= 200 && status < 300).toBe(true);
    }),
  );
});

test("ill-formed bytes and control characters never reach a detail or the record", () => {
  const body = Uint8Array.of(0x7b, 0xff, 0xfe, 0x1b, 0x5b, 0x0a, 0x0d, 0x7d);
  const said = verdict(400, body);
  expect(said.kind).toBe("refused");
  if (said.kind === "accepted") return;
  expect(said.detail).toMatch(/^400: \P{C}+$/u);
  expect(said.text?.isWellFormed()).toBe(true);
});

test("a lone surrogate in Podium's words becomes text", () => {
  const said = verdict(400, String.raw`{"error":"bad \ud800 word"}`);
  expect(said.kind !== "accepted" && said.detail.isWellFormed()).toBe(true);
});

test("a complaint nested too deeply to be printed is quoted as it came", () => {
  const deep = `{"error":${"[".repeat(200_000)}${"]".repeat(200_000)}}`;
  for (const [status, kind] of [
    [400, "refused"],
    [500, "unknown"],
  ] as const) {
    const said = verdict(status, deep);
    expect(said.kind).toBe(kind);
    expect(said.kind !== "accepted" && said.detail).toStartWith(`${status}: {"error":[[[`);
  }
});

test("a long complaint is cut to a sentence, and kept whole for the record", () => {
  const said = verdict(400, JSON.stringify({ error: "🙂".repeat(1000) }));
  if (said.kind === "accepted") throw new Error("not a yes");
  expect(said.detail.length).toBeLessThan(520);
  expect(said.detail.isWellFormed()).toBe(true);
  expect(said.text?.length).toBeGreaterThan(2000);
});

test("a request that never left is unsent, whatever else went wrong is unknown", () => {
  expect(verdictOfError(new ExchangeError("unreachable", false, "refused"))).toEqual({
    kind: "unsent",
    code: "podium_unreachable",
    detail: "refused",
  });
  expect(verdictOfError(new ExchangeError("timeout", true, "slow"))).toMatchObject({
    kind: "unknown",
    code: "podium_timeout",
  });
  for (const kind of ["broken", "too_large", "unreachable"] as const) {
    expect(verdictOfError(new ExchangeError(kind, true, "cut"))).toMatchObject({
      kind: "unknown",
      code: "podium_invalid_response",
    });
  }
});
