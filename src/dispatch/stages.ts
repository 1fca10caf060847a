import type { Clock } from "../lib/clock.ts";

/** The parts of a dispatch that take time, in their order. */
export const stages = ["audit_intent", "wait", "sign", "podium", "audit_outcome"] as const;
export type Stage = (typeof stages)[number];

export interface StageDeps {
  readonly clock: Clock;
  /** Told how long each stage took; must neither throw nor take its time. */
  readonly onStage?: (stage: Stage, durationMs: number) => void;
}

/** The work itself, with its time told when it has ended, well or not. */
export async function timed<T>({ clock, onStage }: StageDeps, stage: Stage, work: Promise<T>): Promise<T> {
  const startedAt = clock.monotonic();
  try {
    return await work;
  } finally {
    onStage?.(stage, clock.monotonic() - startedAt);
  }
}
