import type { Result, Router } from "hono/router";
import { TrieRouter } from "hono/router/trie-router";

/**
 * Hono's router for any pattern, which looks for its answer anew at each request. To a path without parameters the answer is
 * always the same, so it is looked for once.
 */
export class RememberingRouter<T> implements Router<T> {
  readonly name = "RememberingRouter";
  readonly #router = new TrieRouter<T>();
  #isAsked = false;
  /** By path, then by method. As many as there are routes: no request adds a path, and the methods are the routes' own. */
  readonly #known = new Map<string, Map<string, Result<T> | undefined>>();

  /** @throws Error once it has been asked: what it remembers would be wrong */
  add(method: string, path: string, handler: T): void {
    if (this.#isAsked) throw new Error(`${path} comes too late: the router has been asked`);
    this.#router.add(method, path, handler);
    if (/[*:]/.test(path)) return;
    const byMethod = this.#known.get(path) ?? new Map<string, undefined>();
    this.#known.set(path, byMethod.set(method, undefined));
  }

  match(method: string, path: string): Result<T> {
    this.#isAsked = true;
    const byMethod = this.#known.get(path);
    const known = byMethod?.get(method);
    if (known) return known;
    const found = this.#router.match(method, path);
    if (byMethod?.has(method)) byMethod.set(method, found);
    return found;
  }
}
