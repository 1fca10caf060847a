/** First in, first out, at the same cost however long it is: an array's own `shift` may move all that is behind. */
export class Queue<T> {
  #items: T[] = [];
  /** Index of the first that has not been taken. */
  #from = 0;

  get length(): number {
    return this.#items.length - this.#from;
  }

  /** The oldest; undefined when there is none. */
  get first(): T | undefined {
    return this.#items[this.#from];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Takes the oldest. */
  shift(): T | undefined {
    if (this.length === 0) return undefined;
    const item = this.#items[this.#from++];
    // What was taken is dropped when it is half of all: each item is moved once at most for each that was taken.
    if (this.#from * 2 >= this.#items.length) {
      this.#items = this.#items.slice(this.#from);
      this.#from = 0;
    }
    return item;
  }
}
