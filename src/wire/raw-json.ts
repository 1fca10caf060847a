/**
 * JSON text with Podium's own JSON spliced in as it came: parsing and printing it again would change numbers past 2^53,
 * `1.0`, `-0` and the order of integer-like keys.
 * @param raw values that are JSON text already; undefined ones are left out. The names are ours, and plain
 */
export function jsonWith(
  fields: Readonly<Record<string, unknown>>,
  raw: Readonly<Record<string, string | undefined>>,
): string {
  let text = JSON.stringify(fields).slice(0, -1);
  for (const key in raw) {
    const value = raw[key];
    if (value !== undefined) text += `${text === "{" ? "" : ","}"${key}":${value}`;
  }
  return `${text}}`;
}

/** Text from Podium as JSON: itself when it is JSON, else a JSON string of it. */
export function asJson(text: string | undefined): string {
  if (text === undefined) return "null";
  try {
    JSON.parse(text);
    return text;
  } catch {
    return JSON.stringify(text);
  }
}
