/** Moments as people and programs name them, for the HTTP query and the command line alike. */

/** A day; or a date and time with an offset (RFC 3339), whose seconds may be left out. */
const shape = /^(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(\.\d{1,9})?)?(?:[Zz]|([+-])(\d\d):(\d\d)))?$/;
export const momentExpected =
  "Expected a day, or a time with its offset such as 2026-01-09T08:00Z or 2026-01-09T09:00:00+01:00";
const dayMs = 86_400_000;

/**
 * A bound of a span of time, as records have their timestamps: text that compares as the moments do. A `from` is
 * inclusive. A `to` that is a day means that whole day; one that is a time is exclusive.
 * @returns undefined for what is no moment, such as February 30, or lies outside the years that records can have
 */
export function momentOf(text: string, side: "from" | "to"): string | undefined {
  const match = shape.exec(text);
  if (!match) return undefined;
  const [, day = "", hours = "0", minutes = "0", seconds = "0", fraction = "", sign, offsetHours, offsetMinutes] =
    match;
  const midnightMs = Date.parse(`${day}T00:00:00.000Z`);
  // Date.parse takes days past the end of a month for days of the next one.
  if (!Number.isFinite(midnightMs) || new Date(midnightMs).toISOString().slice(0, 10) !== day) return undefined;
  if (match[2] === undefined) return timestamp(side === "to" ? midnightMs + dayMs : midnightMs);
  const parts = [hours, minutes, seconds, offsetHours ?? "0", offsetMinutes ?? "0"].map(Number);
  const [h, m, s, oh, om] = parts as [number, number, number, number, number];
  if (h > 23 || m > 59 || s > 59 || oh > 23 || om > 59) return undefined;
  const offsetMs = (oh * 60 + om) * 60_000 * (sign === "-" ? -1 : 1);
  const localMs = midnightMs + ((h * 60 + m) * 60 + s) * 1000 + Math.floor(Number(`0${fraction}`) * 1000);
  return timestamp(localMs - offsetMs);
}

function timestamp(epochMs: number): string | undefined {
  const text = new Date(epochMs).toISOString();
  // The end of the last day of 9999 is the end of what can be recorded.
  if (text.startsWith("+010000-01-01T00:00:00.000")) return "~";
  return text.length === 24 ? text : undefined;
}
