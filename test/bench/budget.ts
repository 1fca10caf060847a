/** The time that the whole run may take; what no longer fits is left out, and said. */
export interface Budget {
  readonly quick: boolean;
  /** Chooses by the length of the run. */
  of<T>(full: T, quick: T): T;
  secondsLeft(): number;
}

export function budgetOf(quick: boolean): Budget {
  const until = performance.now() + (quick ? 60_000 : 300_000);
  return { quick, of: (full, short) => (quick ? short : full), secondsLeft: () => (until - performance.now()) / 1000 };
}
