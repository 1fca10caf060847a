/** Microseconds since the Unix epoch: the one clock that several processes share, finer than `Date.now`. */
export function wallUs(): number {
  return Math.round((performance.timeOrigin + performance.now()) * 1000);
}
