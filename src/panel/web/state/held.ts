/** A row of a list that is held still. */
export interface HeldRow<T> {
  readonly item: T;
  /** The list no longer has it: it stands there as it was last. */
  readonly gone: boolean;
}

/**
 * A list as somebody who aims at one of its rows should see it: what was there stays where it was, what comes after it is
 * added, and what would push rows away waits.
 * @param held the rows that stand there, by key and in order
 * @returns the rows, and how many wait
 */
export function heldRows<T>(
  held: ReadonlyMap<string, T>,
  items: readonly T[],
  keyOf: (item: T) => string,
): { readonly rows: readonly HeldRow<T>[]; readonly waiting: number } {
  const now = new Map(items.map((item) => [keyOf(item), item]));
  const kept = [...held].map(([key, item]) => ({ item: now.get(key) ?? item, gone: !now.has(key) }));
  const after = items.findLastIndex((item) => held.has(keyOf(item))) + 1;
  const added = items.slice(after).map((item) => ({ item, gone: false }));
  const waiting = items.slice(0, after).filter((item) => !held.has(keyOf(item))).length;
  return { rows: [...kept, ...added], waiting };
}
