import type { StreamFrame } from "../api/stream.ts";
import { textOf } from "../api/json.ts";
import type { Job, Outcome } from "./jobs.ts";
import { endedAt, outcomeOf } from "./jobs.ts";
import { readPodium } from "./read-podium.ts";

/** Queue depth at a moment, as this browser saw it or roxy-core heard it. */
export interface Sample {
  readonly atMs: number;
  readonly depth: number;
}

export const hourMs = 3_600_000;
const bucketMs = 60_000;
/** A change each three seconds of an hour. What goes beyond it is thinned to what is drawn. */
const samplesMax = 1_200;

/** Of each minute what its deepest was, and where it ended: a busy hour must not lose its beginning to its end. */
function thinned(samples: readonly Sample[]): readonly Sample[] {
  if (samples.length <= samplesMax) return samples;
  const kept = new Map<number, { readonly deepest: Sample; readonly last: Sample }>();
  for (const last of samples) {
    const minute = Math.floor(last.atMs / bucketMs);
    const deepest = kept.get(minute)?.deepest ?? last;
    kept.set(minute, { deepest: last.depth > deepest.depth ? last : deepest, last });
  }
  return [...kept.values()].flatMap(({ deepest, last }) => (deepest === last ? [last] : [deepest, last]));
}

/** Adds a change of depth; equal ones are kept at most once a minute, to show that somebody was looking. */
export function samplesAfter(samples: readonly Sample[], sample: Sample): readonly Sample[] {
  const last = samples.at(-1);
  if (last && last.depth === sample.depth && sample.atMs - last.atMs < bucketMs) return samples;
  const from = sample.atMs - hourMs;
  return thinned([...samples.filter(({ atMs }) => atMs >= from && atMs <= sample.atMs), sample]);
}

/**
 * Depths in what roxy-core remembers of the telemetry. It heard every change, so between two of them the depth was what
 * the first one said; not so where it had lost Podium, which a GAP tells.
 */
export function samplesIn(frames: readonly StreamFrame[], nowMs: number): readonly Sample[] {
  const samples: Sample[] = [];
  const from = nowMs - hourMs;
  let known: Sample | undefined;
  const holdUntil = (untilMs: number): void => {
    if (!known) return;
    if (known.atMs >= from) samples.push(known);
    for (let atMs = Math.max(known.atMs + bucketMs, from); atMs < untilMs; atMs += bucketMs) {
      samples.push({ ...known, atMs });
    }
  };
  for (const { type, at, fields } of frames) {
    const atMs = Math.min(Date.parse(at), nowMs);
    if (type === "GAP") {
      holdUntil(Date.parse(textOf(fields["from"]) ?? at));
      known = undefined;
    }
    const depth = type === "QUEUE_UPDATE" ? readPodium(fields).queue?.length : undefined;
    if (depth === undefined || Number.isNaN(atMs)) continue;
    holdUntil(atMs);
    known = { atMs, depth };
  }
  const isHeard = frames.findLast(({ type }) => type === "GATEWAY_STATUS")?.fields["podium"] === "connected";
  holdUntil(isHeard ? nowMs : 0);
  return thinned(samples);
}

/** What roxy-core remembers goes before what the browser saw of the same time. */
export function samplesWith(seen: readonly Sample[], remembered: readonly Sample[]): readonly Sample[] {
  const [first] = remembered;
  return first ? thinned([...seen.filter(({ atMs }) => atMs < first.atMs), ...remembered]) : seen;
}

export interface HourSeries {
  /** Starts of the minutes, in seconds since 1970. */
  readonly times: number[];
  /** Deepest queue in each minute; null where nobody was looking. */
  readonly depth: (number | null)[];
  readonly done: number[];
  readonly failed: number[];
  readonly refused: number[];
  /** Dispatches that never reached Podium. */
  readonly unsent: number[];
  /** Outcomes are counted from here on only, in seconds since 1970; absent when the hour is whole. */
  readonly countedFromS?: number;
}

/**
 * The last hour by minutes: outcomes from the record, depths from the telemetry that was heard.
 * @param jobs newest first
 * @param jobsMax as many as are asked for: when there are so many, older ones were left out
 */
export function hourSeries(
  jobs: readonly Job[],
  samples: readonly Sample[],
  nowMs: number,
  jobsMax = Infinity,
): HourSeries {
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
  const oldest = jobs.length < jobsMax ? Number.NaN : Date.parse(jobs.at(-1)!.createdAt);
  return {
    times,
    depth,
    done: count("done"),
    failed: count("failed"),
    refused: count("refused"),
    unsent: count("unsent"),
    ...(oldest > first * bucketMs && { countedFromS: oldest / 1000 }),
  };
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

/**
 * The chart in words, also for those who don't see it: nothing is claimed of the time that nobody heard.
 * @param time how to write a time in seconds since 1970
 */
export function hourWords(series: HourSeries, time: (seconds: number) => string): string {
  const { done, failed, refused, unsent, depth, times, countedFromS } = series;
  const sum = (counts: number[]): number => counts.reduce((a, b) => a + b, 0);
  const counted = countedFromS === undefined ? "" : ` (newest ones, from ${time(countedFromS)} on)`;
  const notSent = sum(unsent) === 0 ? "" : `, ${sum(unsent)} not sent`;
  const outcomes = `${sum(done)} done, ${sum(failed)} failed, ${sum(refused)} refused${notSent}${counted}`;
  const heard = depth.filter((value) => value !== null);
  if (heard.length === 0) return `${outcomes}; nothing is known of the queue's depth.`;
  const first = depth.findIndex((value) => value !== null);
  const since = first === 0 ? "" : `, known since ${time(times[first]!)}`;
  const holes = depth.slice(first).includes(null) ? " with holes" : "";
  const deepest = Math.max(...heard);
  const words = deepest === 0 ? "nothing waited in the queue" : `the queue was at most ${deepest} deep`;
  return `${outcomes}; ${words}${since}${holes}.`;
}
