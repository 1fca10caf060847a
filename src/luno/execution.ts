/** One run of one story, whatever does the work. */
export interface Execution {
  readonly ended: Promise<Ending>;
  /** Asks the run to end, and makes it end when it does not. Calling it again changes nothing. */
  stop(): void;
}

export interface Ending {
  readonly status: "done" | "failed";
  readonly message: string;
  /** What is left of it, to be told whatever the verdict is. */
  readonly leftover?: string;
}

export interface RunListener {
  /** One line of output. */
  line(text: string, stream: "stdout" | "stderr"): void;
  /** Percent done, 0 to 100. */
  progress(percent: number): void;
}
