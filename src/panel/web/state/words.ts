/** How times, ids and strangers' texts are written. Pure, so that tests can hold it to its word. */

export const clock = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayAndClock = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
});

/** Before this many seconds since 1970 lies the year 5000, and before as many milliseconds the year 1973. */
const secondsMax = 1e11;

/** A time of Podium's in milliseconds: RFC 3339, or a number since 1970. NaN when it is none that we know. */
export function momentMs(at: string): number {
  if (!/^\d{9,13}(\.\d+)?$/.test(at)) return Date.parse(at);
  return Number(at) < secondsMax ? Number(at) * 1000 : Number(at);
}

/** Local time: the clock today, with the day before. What is no time is a stranger's text. */
export function timeWords(at: string, nowMs: number): string {
  const ms = momentMs(at);
  if (Number.isNaN(ms)) return wordOf(at);
  const sameDay = new Date(ms).toDateString() === new Date(nowMs).toDateString();
  return (sameDay ? clock : dayAndClock).format(ms);
}

/** Hours and minutes of a time in seconds since 1970, local. */
export function clockWords(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString("en-GB", { hour: "2-digit", minute: "2-digit" });
}

export function secondsSince(startMs: number, nowMs: number): number {
  return Math.max(0, Math.round((nowMs - startMs) / 1000));
}

/** `JOB-20260109-003` without its day where the list is all of today; the full id is in its title. */
export function shortJob(jobId: string): string {
  return jobId.replace(/^JOB-\d{8}-/, "#");
}

const actionWords: Readonly<Record<string, string>> = {
  enqueue_story: "Run",
  cancel_story: "Cancel",
  prepare_apply: "Prepare",
  apply_plan: "Apply",
  enqueue_plan: "Enqueue",
  halt: "Halt",
  status: "Status",
};

export function actionWord(action: string): string {
  return actionWords[action] ?? action;
}

/**
 * A stranger's text with what could mislead made visible: control characters as their pictures (U+2400), and the marks
 * that turn the direction of text by name. Joiners and variation selectors stay: emoji and some scripts need them.
 */
export function visibleText(text: string): string {
  return text
    .toWellFormed()
    .replaceAll(/\p{Cc}/gu, pictured)
    .replaceAll(/[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069\uFEFF\u2028\u2029]/g, named);
}

function pictured(char: string): string {
  if (char === "\n" || char === "\t") return char;
  if (char < " ") return String.fromCharCode(0x2400 + char.charCodeAt(0));
  return char === "\u007F" ? "\u2421" : named(char);
}

function named(char: string): string {
  return `‹U+${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}›`;
}

/** A stranger's word inside a sentence of ours, or a button's name: what misleads made visible, and no longer than this. */
export function wordOf(text: string, charsMax = 64): string {
  const visible = visibleText(text);
  const short = beginning(visible, charsMax);
  return short === undefined ? visible : `${short}…`;
}

/** The beginning of a long text, cut between characters. @returns undefined when it is short enough */
export function beginning(text: string, charsMax: number): string | undefined {
  if (text.length <= charsMax) return undefined;
  const cut = text.slice(0, charsMax);
  // Half a character outside the basic plane is none.
  return cut.isWellFormed() ? cut : cut.slice(0, -1);
}
