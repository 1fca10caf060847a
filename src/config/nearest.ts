/**
 * The candidate that the word was probably meant to be; undefined when none is reasonably near.
 * Case and separators don't count (`retentionDays` is `retention_days`); besides those, one slip in three letters may.
 */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  const bare = bareOf(word);
  if (bare === "" || bare.length > wordLengthMax) return undefined;
  let best: { candidate: string; distance: number } | undefined;
  for (const candidate of candidates) {
    const distance = editDistance(bare, bareOf(candidate));
    if (distance <= slipsAllowed(bare, candidate) && distance < (best?.distance ?? Infinity))
      best = { candidate, distance };
  }
  return best?.candidate;
}

/** Our longest key has 22 letters; a longer word than this is no slip of the finger, and distance costs its square. */
const wordLengthMax = 64;

function slipsAllowed(bare: string, candidate: string): number {
  return Math.max(1, Math.floor(Math.min(bare.length, candidate.length) / 3));
}

function bareOf(word: string): string {
  return word.toLowerCase().replaceAll(/[-_\s]/g, "");
}

/** Optimal string alignment: insertions, deletions, replacements and swaps of neighbours count one each. */
export function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = (last[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const viaSwap = swapped ? (beforeLast[j - 2] ?? 0) + 1 : Infinity;
      row[j] = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, replaced, viaSwap);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length] ?? 0;
}
