import type { Job, Outcome } from "./jobs.ts";
import { endedAt, outcomeOf } from "./jobs.ts";

/** Queue depth at a moment, as this page saw it. */
export interface Sample {
  readonly atMs: number;
  readonly depth: number;
}

export const hourMs = 3_600_000;
const bucketMs = 60_000;
/** One an hour's change each three seconds; more detail than a chart of this size shows. */
const samplesMax = 1_200;

/** Adds a change of depth; equal ones are kept at most once a minute, to show that somebody was looking. */
export function samplesAfter(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && last.depth === sample.depth && sample.atMs - last.atMs < bucketMs) return samples;
  const from = sample.atMs - hourMs;
  return [...samples.filter(({ atMs }) => atMs >= from && atMs <= sample.atMs), sample].slice(-samplesMax);
}

export interface HourSeries {
  /** Starts of the minutes, in seconds since 1970. */
  readonly times: number[];
  /** Deepest queue in each minute; null where nobody was looking. */
  readonly depth: (number | null)[];
  readonly done: number[];
  readonly failed: number[];
  readonly refused: number[];
}

/** The last hour by minutes. Outcomes come from the record and are whole; depth only from what this page has seen. */
export function hourSeries(jobs: readonly Job[], samples: readonly Sample[], nowMs: number): HourSeries {
  const last = Math.floor(nowMs / bucketMs);
  const first = last - hourMs / bucketMs + 1;
  const times = Array.from({ length: last - first + 1 }, (_, i) => ((first + i) * bucketMs) / 1000);
  const count = (wanted: Outcome): number[] => {
    const counts = times.map(() => 0);
    for (const job of jobs) {
      const bucket = Math.floor(Date.parse(endedAt(job)) / bucketMs) - first;
      if (outcomeOf(job) === wanted && bucket >= 0 && bucket < counts.length) counts[bucket]! += 1;
    }
    return counts;
  };
  const depth = depthByMinute(samples, first, times.length);
  return { times, depth, done: count("done"), failed: count("failed"), refused: count("refused") };
}

/** A minute without a sample continues the one before, unless more than two minutes went by unseen. */
function depthByMinute(samples: readonly Sample[], first: number, length: number): (number | null)[] {
  const depth = Array.from({ length }, (): number | null => null);
  let known: { depth: number; bucket: number } | undefined;
  let next = 0;
  for (let i = 0; i < length; i++) {
    let deepest: number | null = known && i + first - known.bucket <= 2 ? known.depth : null;
    while (next < samples.length && Math.floor(samples[next]!.atMs / bucketMs) <= first + i) {
      const sample = samples[next++]!;
      known = { depth: sample.depth, bucket: Math.floor(sample.atMs / bucketMs) };
      if (known.bucket === first + i) deepest = Math.max(deepest ?? 0, sample.depth);
    }
    depth[i] = deepest;
  }
  return depth;
}

/** The chart in words, for those who don't see it. */
export function hourWords({ done, failed, refused, depth }: HourSeries): string {
  const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0);
  const deepest = Math.max(0, ...depth.map((value) => value ?? 0));
  return `${sum(done)} done, ${sum(failed)} failed, ${sum(refused)} refused; the queue was at most ${deepest} deep.`;
}
