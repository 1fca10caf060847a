/** A row of a list that is held still. */
export interface HeldRow<T> {
  readonly item: T;
  /** The list no longer has it: it stands there as it was, only to keep the others' places. */
  readonly gone: boolean;
}

export interface HeldRows<T> {
  /** Those to draw. */
  readonly rows: readonly HeldRow<T>[];
  /** How many the list has beyond them, apart from those that wait. */
  readonly more: number;
  /** How many have come since it is held. */
  readonly waiting: number;
}

/**
 * A list as somebody who aims at one of its rows should see it: it has the rows that it had, where they were, and no
 * others; so it never grows. What has come since is counted.
 * @param held the list when it was last free, by key and in order; undefined when it is free
 * @param shown how many rows are drawn at most
 */
export function heldRows<T>(
  held: ReadonlyMap<string, T> | undefined,
  items: readonly T[],
  keyOf: (item: T) => string,
  shown = Infinity,
): HeldRows<T> {
  const now = new Map(items.map((item) => [keyOf(item), item]));
  const rows = held
    ? [...held].slice(0, shown).map(([key, item]) => ({ item: now.get(key) ?? item, gone: !now.has(key) }))
    : items.slice(0, shown).map((item) => ({ item, gone: false }));
  const waiting = held ? items.filter((item) => !held.has(keyOf(item))).length : 0;
  return { rows, waiting, more: items.length - waiting - rows.filter(({ gone }) => !gone).length };
}
