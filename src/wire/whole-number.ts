import { z } from "zod";

/** As many digits as the largest safe integer has. */
const digits = /^\d{1,16}$/;

/** A number of a URL: decimal digits and nothing else, where `Number()` reads `""`, `" 2"`, `"0x2"` and `"1e0"` too. */
export function wholeNumber(min: number, max: number, expected = `Expected a whole number from ${min} to ${max}`) {
  return z.preprocess(
    (text) => (typeof text === "string" && digits.test(text) ? Number(text) : text),
    z.int(expected).min(min, expected).max(max, expected),
  );
}
