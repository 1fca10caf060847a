import { withoutBlanks } from "./blanks.ts";

/** W3C Trace Context section 3.3.1.3.1 and .2: keys are ours or of the form tenant@system, values printable ASCII. */
const key = /(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})/;
const value = /[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]/;
const memberPattern = new RegExp(`^(${key.source})=${value.source}$`);

/** Section 3.3.1.1: more entries than this are an error. */
const membersMax = 32;
/** Section 3.3.1.5: as many characters as everybody passes on; past them, long entries go first, then the last ones. */
const charactersMax = 512;
const longMember = 128;

/**
 * What is passed on of a `tracestate` header, its lines joined by commas: entries of tracing systems about one trace, the
 * newest first. We add none of our own.
 * @returns undefined for a list that is empty or can't be read, which is then dropped as a whole (section 4.3)
 */
export function passableTraceState(header: string): string | undefined {
  const members = header
    .split(",")
    .map(withoutBlanks)
    .filter((member) => member !== "");
  const keys = members.map((member) => memberPattern.exec(member)?.[1]);
  if (members.length === 0 || members.length > membersMax) return undefined;
  if (keys.includes(undefined) || new Set(keys).size < keys.length) return undefined;
  const isTooLong = (list: readonly string[]): boolean => list.join(",").length > charactersMax;
  for (let at = members.length - 1; at >= 0 && isTooLong(members); at--) {
    if (members[at]!.length > longMember) members.splice(at, 1);
  }
  while (isTooLong(members)) members.pop();
  return members.length === 0 ? undefined : members.join(",");
}
