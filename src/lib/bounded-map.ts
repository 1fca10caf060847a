/**
 * A map that forgets its oldest entry when it would grow past a bound. Setting a key makes its entry the newest.
 */
export class BoundedMap<K, V> extends Map<K, V> {
  readonly #sizeMax: number;
  /** One iterator for good: a new one would step over everything that was ever deleted, each time. */
  readonly #oldest: Iterator<K, undefined>;

  /** @param sizeMax at least 1 */
  constructor(sizeMax: number) {
    super();
    this.#sizeMax = sizeMax;
    this.#oldest = super.keys();
  }

  override set(key: K, value: V): this {
    super.delete(key);
    super.set(key, value);
    if (this.size > this.#sizeMax) super.delete(this.#oldest.next().value as K);
    return this;
  }
}
