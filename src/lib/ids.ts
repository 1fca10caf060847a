const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const digits = Uint8Array.from(CROCKFORD, (digit) => digit.charCodeAt(0));
const ascii = new TextDecoder();

/** In store, five bits of each byte: asking for thousands of them costs no more than asking for sixteen. */
const random = new Uint8Array(4096);
let used = random.length;
/** Of one id, until it is text. */
const letters = new Uint8Array(26);

/**
 * A ULID: 48 bits of epoch milliseconds and 80 random bits in Crockford base32, 26 characters.
 * Sorts by time, so an id alone tells the day of the log it is in.
 */
export function ulid(epochMs: number): string {
  if (used === random.length) {
    crypto.getRandomValues(random);
    used = 0;
  }
  for (let rest = epochMs, i = 9; i >= 0; i--, rest = Math.floor(rest / 32)) letters[i] = digits[rest % 32]!;
  for (let i = 10; i < 26; i++) letters[i] = digits[random[used++]! & 31]!;
  return ascii.decode(letters);
}

/** The epoch milliseconds inside a ULID; undefined when it is not one. */
export function ulidTime(id: string): number | undefined {
  if (!/^[0-7][0-9A-HJKMNP-TV-Z]{25}$/.test(id)) return undefined;
  let time = 0;
  for (const digit of id.slice(0, 10)) time = time * 32 + CROCKFORD.indexOf(digit);
  return time;
}

/** `AUD-` and a ULID: names one dispatch, and every audit record of it. */
export function newAuditId(epochMs: number): string {
  return `AUD-${ulid(epochMs)}`;
}

/** `JOB-YYYYMMDD-NNN`, widening past 999. `day` is `YYYY-MM-DD`, `number` counts from 1. */
export function jobIdOf(day: string, number: number): string {
  return `JOB-${day.replaceAll("-", "")}-${String(number).padStart(3, "0")}`;
}

const jobId = /^JOB-\d{8}-\d{3,12}$/;

/** The day and number of a job id; undefined when it is not one. */
export function parseJobId(id: string): { day: string; number: number } | undefined {
  if (!jobId.test(id)) return undefined;
  return { day: `${id.slice(4, 8)}-${id.slice(8, 10)}-${id.slice(10, 12)}`, number: Number(id.slice(13)) };
}
