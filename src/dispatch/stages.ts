import type { Clock } from "../lib/clock.ts";

/** The parts of a dispatch that take time, in their order. */
export const stages = ["audit_intent", "wait", "sign", "podium", "audit_outcome"] as const;
export type Stage = (typeof stages)[number];

export interface StageDeps {
  readonly clock: Clock;
  /** Told how long each stage took; must neither throw nor take its time. */
  readonly onStage?: (stage: Stage, durationMs: number) => void;
}

/** The work itself; its time is told when it has ended, well or not, before whoever waits for it goes on. */
export function timed<T>({ clock, onStage }: StageDeps, stage: Stage, work: Promise<T>): Promise<T> {
  if (!onStage) return work;
  const startedAt = clock.monotonic();
  const told = (): void => onStage(stage, clock.monotonic() - startedAt);
  work.then(told, told);
  return work;
}
