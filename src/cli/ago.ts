const units: readonly [name: string, seconds: number][] = [
  ["d", 86_400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

/** How long ago a timestamp was, in its largest unit; the timestamp itself when it is none or lies in the future. */
export function ago(timestamp: string, nowMs: number): string {
  const seconds = Math.round((nowMs - Date.parse(timestamp)) / 1000);
  // A server whose clock is a little ahead still means now.
  if (!(seconds >= -5)) return timestamp;
  const [name, size] = units.find(([, unit]) => seconds >= unit) ?? ["s", 1];
  return `${Math.floor(Math.max(0, seconds) / size)} ${name} ago`;
}
