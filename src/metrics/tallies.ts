import type { Histogram, Registry } from "prom-client";
import Counter from "prom-client/lib/counter.js";

/**
 * What each dispatch adds to, kept as bare numbers. The library finds a series by hashing its labels at each addition, thirty
 * strings for a dispatch; so it is handed the numbers when somebody asks for them, and prints them.
 */

interface Described<Labels> {
  readonly name: string;
  readonly help: string;
  readonly labels: Labels;
}

/** Events by two labels, both from closed sets. */
export class Counts {
  readonly #counts = new Map<string, Map<string, number>>();

  constructor({ name, help, labels }: Described<readonly [string, string]>, registry: Registry) {
    const counter: Counter = new Counter({
      name,
      help,
      labelNames: labels,
      registers: [registry],
      collect: () => {
        counter.reset();
        for (const [first, counts] of this.#counts) {
          for (const [second, count] of counts) counter.inc({ [labels[0]]: first, [labels[1]]: second }, count);
        }
      },
    });
  }

  add(first: string, second: string, count = 1): void {
    let counts = this.#counts.get(first);
    if (!counts) this.#counts.set(first, (counts = new Map()));
    counts.set(second, (counts.get(second) ?? 0) + count);
  }
}

/**
 * Seconds. The disk answers in well under a millisecond, Podium in 0.5 to 2 s, and nobody waits longer than 30 s
 * (`podium.timeout_ms`).
 */
const bounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30];

interface Series {
  /** Of each bucket alone; the last one has no bound. */
  readonly counts: Float64Array;
  sum: number;
}

/** How long something took, in buckets, by one label from a closed set or by none. */
export class Durations {
  readonly #described: Described<string | undefined>;
  readonly #series = new Map<string, Series>();

  constructor(described: Described<string | undefined>, registry: Registry) {
    this.#described = described;
    if (described.labels === undefined) this.#seriesOf("");
    const metric = { name: described.name, get: () => this.#values() };
    // The library asks its own metrics for the same: a name, and what `get` gives.
    registry.registerMetric(metric as unknown as Histogram);
  }

  add(milliseconds: number, label = ""): void {
    const series = this.#seriesOf(label);
    const seconds = milliseconds / 1000;
    let bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
    series.counts[bucket]!++;
    series.sum += seconds;
  }

  #seriesOf(label: string): Series {
    let series = this.#series.get(label);
    if (!series) this.#series.set(label, (series = { counts: new Float64Array(bounds.length + 1), sum: 0 }));
    return series;
  }

  /** As the exposition format wants it: each bucket holds those before it. */
  #values(): object {
    const { name, help, labels: labelName } = this.#described;
    const values = [...this.#series].flatMap(([label, { counts, sum }]) => {
      const labels = labelName === undefined ? {} : { [labelName]: label };
      let count = 0;
      const buckets = [...counts].map((own, bucket) => ({
        metricName: `${name}_bucket`,
        labels: { le: bounds[bucket] ?? "+Inf", ...labels },
        value: (count += own),
      }));
      return [
        ...buckets,
        { metricName: `${name}_sum`, labels, value: sum },
        { metricName: `${name}_count`, labels, value: count },
      ];
    });
    return { name, help, type: "histogram", values };
  }
}
