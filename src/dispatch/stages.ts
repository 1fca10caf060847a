import type { Clock } from "../lib/clock.ts";

/** The parts of a dispatch that take time, in their order. */
export const stages = ["audit_intent", "wait", "sign", "podium", "audit_outcome"] as const;
export type Stage = (typeof stages)[number];

export interface StageDeps {
  readonly clock: Clock;
  /** Told how long each stage took; must neither throw nor take its time. */
  readonly onStage?: (stage: Stage, durationMs: number) => void;
}

/** A stage that began then has ended, well or not. @param startedAt monotonic */
export function ended({ clock, onStage }: StageDeps, stage: Stage, startedAt: number): void {
  onStage?.(stage, clock.monotonic() - startedAt);
}
