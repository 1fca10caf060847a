/** Longest wait for anything: an event comes within milliseconds, a loaded machine may take a thousand times that. */
export const patienceMs = 15_000;

/** Waits for a condition by looking again whenever something has happened, never by sleeping. */
export class Watch {
  readonly #looks = new Set<() => void>();

  /** Something has happened: everybody who waits looks again. */
  changed(): void {
    for (const look of this.#looks) look();
  }

  /** Resolves with what `look` gives as soon as it is not undefined. @throws after the patience, naming `what` */
  until<T>(look: () => T | undefined, what: string, describe: () => string = () => ""): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        this.#looks.delete(again);
        act();
      };
      const again = (): void => {
        const found = look();
        if (found !== undefined) settle(() => resolve(found));
      };
      const timer = setTimeout(() => {
        settle(() => reject(new Error(`Waited ${patienceMs} ms in vain for ${what}. ${describe()}`)));
      }, patienceMs);
      this.#looks.add(again);
      again();
    });
  }
}

const pollMs = 10;

/** For what gives no event, such as another process's file: looks every few milliseconds. */
export async function eventually<T>(look: () => T | undefined | Promise<T | undefined>, what: string): Promise<T> {
  const until = performance.now() + patienceMs;
  while (performance.now() < until) {
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  throw new Error(`Waited ${patienceMs} ms in vain for ${what}`);
}
