/** Entries kept for `GET /api/logs`: an afternoon of stories, or the last thousand lines of a talkative one. */
export const logEntriesMax = 1000;

export interface LogEntry {
  readonly timestamp: string;
  readonly level: "info" | "warn" | "error";
  readonly message: string;
  readonly storyId?: string;
  readonly agent?: string;
}

/** The orchestrator's recent past, in memory; the oldest entry makes room for the newest. */
export class LogRing {
  readonly #entries: LogEntry[] = [];

  add(entry: LogEntry): void {
    this.#entries.push(entry);
    if (this.#entries.length > logEntriesMax) this.#entries.shift();
  }

  /** The newest `limit` entries, the oldest of them first. */
  last(limit: number): LogEntry[] {
    return this.#entries.slice(-Math.max(1, limit));
  }
}
