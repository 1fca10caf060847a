import { describe, expect, test } from "bun:test";
import { passableTraceState } from "../../src/lib/trace-state.ts";
import { traceHeaders, traceOf } from "../../src/lib/trace.ts";

const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

describe("a tracestate", () => {
  test.each([
    ["rojo=1", "rojo=1"],
    ["rojo=1,congo=2", "rojo=1,congo=2"],
    ["rojo=1 \t,\tcongo=2", "rojo=1,congo=2"],
    ["rojo=1,,congo=2,", "rojo=1,congo=2"],
    ["fw529a3039@dt=FfAAAA==", undefined],
    ["fw529a3039@dt=a b!c~", "fw529a3039@dt=a b!c~"],
    ["0tenant@sys=1", "0tenant@sys=1"],
  ])("%j is passed on as %j", (header, passed) => {
    expect(passableTraceState(header)).toBe(passed);
  });

  test.each([
    "",
    " , ,",
    "rojo",
    "=1",
    "rojo=",
    "Rojo=1",
    "0rojo=1",
    "a@b@c=1",
    "rojo=1,rojo=2",
    "rojo=a=b",
    "rojo=\u0007",
    "rojo=ü",
    `${"k".repeat(257)}=1`,
    `rojo=${"v".repeat(257)}`,
    Array.from({ length: 33 }, (_, n) => `k${n}=1`).join(","),
  ])("%j can't be read and is dropped as a whole", (header) => {
    expect(passableTraceState(header)).toBeUndefined();
  });

  test("of 32 entries and 512 characters is passed on whole", () => {
    const whole = Array.from({ length: 32 }, (_, n) => `k${String(n).padStart(2, "0")}=${"v".repeat(11)}`).join(",");
    expect(whole).toHaveLength(511);
    expect(passableTraceState(whole)).toBe(whole);
  });

  test("that is too long loses its long entries first, then its last ones", () => {
    const [short, long] = [(name: string) => `${name}=${"v".repeat(90)}`, `long=${"v".repeat(200)}`];
    expect(passableTraceState([short("a"), long, short("b"), short("c"), short("d")].join(","))).toBe(
      ["a", "b", "c", "d"].map(short).join(","),
    );
    const seven = ["a", "b", "c", "d", "e", "f", "g"].map(short);
    expect(passableTraceState(seven.join(","))).toBe(seven.slice(0, 5).join(","));
  });

  test("goes nowhere without a valid traceparent", () => {
    expect(traceOf("a", "nonsense", 0, "rojo=1").tracestate).toBeUndefined();
    expect(traceHeaders(traceOf("a", undefined, 0, "rojo=1"))).toEqual({ "x-request-id": "a" });
    expect(traceHeaders(traceOf("a", "nonsense", 0, "rojo=1"))).toEqual({ "x-request-id": "a" });
    expect(traceHeaders(traceOf("a", traceparent, 0, "rojo=1"))["tracestate"]).toBe("rojo=1");
    expect(Object.keys(traceHeaders(traceOf("a", traceparent, 0)))).not.toContain("tracestate");
  });
});

test("flags that version 00 does not know are not passed on", () => {
  const flagsFor = (flags: string) =>
    traceHeaders(traceOf("a", traceparent.replace(/01$/, flags), 0))["traceparent"]!.slice(-2);
  expect(["00", "01", "02", "03", "ff", "fc"].map(flagsFor)).toEqual(["00", "01", "02", "03", "03", "00"]);
});

// As a square of its length, each of these headers would hold everybody up for a third of a second.
test("a list of nothing but blanks costs what it has characters", () => {
  const blanks = " \t".repeat(8_000);
  for (let i = 0; i < 50; i++) expect(passableTraceState(`a=b${blanks}c`)).toBeUndefined();
  expect(passableTraceState(`${blanks}a=b${blanks},${blanks}`)).toBe("a=b");
}, 5_000);
