import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { parser } from "@prometheus-io/lezer-promql";
import { createMetrics } from "../../src/metrics/metrics.ts";
import { readings } from "./metrics.test.ts";

const folder = join(import.meta.dir, "../../docs/prometheus");
const read = (name: string): string => readFileSync(join(folder, name), "utf8");

interface Panel {
  id: number;
  gridPos: { x: number; y: number; w: number; h: number };
  targets: { expr: string }[];
}
const dashboard = JSON.parse(read("dashboard.json")) as { panels: Panel[]; templating: { list: { query: string }[] } };
const alerts = Bun.YAML.parse(read("alerts.yml")) as {
  groups: {
    rules: { alert: string; expr: string; for?: string; labels: object; annotations: { summary: string } }[];
  }[];
};
const rules = alerts.groups.flatMap((group) => group.rules);
const expressions = [
  ...dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr)),
  ...dashboard.templating.list.map(({ query }) => query).filter((query) => query.includes("roxy_")),
  ...rules.map(({ expr }) => expr),
];

/** Every series that `/metrics` has after one of each thing has happened, with the names of its labels. */
async function series(): Promise<Map<string, Set<string>>> {
  const metrics = createMetrics();
  metrics.watch(readings);
  metrics.instruments.dispatched("halt", "queued", 1);
  metrics.instruments.stage("podium", 1);
  metrics.instruments.answered("GET", 200, undefined);
  metrics.instruments.synced(1);
  const found = new Map<string, Set<string>>();
  for (const line of (await metrics.text()).split("\n")) {
    const match = /^(roxy_\w+)(?:\{(.*)\})? /.exec(line);
    if (!match) continue;
    const labels = [...(match[2] ?? "").matchAll(/(\w+)="/g)].map(([, label]) => label!);
    found.set(match[1]!, new Set(labels));
  }
  return found;
}

/** What Prometheus itself puts on every series. */
const scraped = ["job", "instance"];

function errorsIn(expression: string): number[] {
  const places: number[] = [];
  parser.parse(expression).iterate({ enter: ({ type, from }) => void (type.isError && places.push(from)) });
  return places;
}

describe("the example dashboard and alerts", () => {
  test("name only series and labels that exist", async () => {
    const there = await series();
    expect(expressions.length).toBeGreaterThan(20);
    for (const expression of expressions) {
      const names = [...expression.matchAll(/\b(roxy_\w+)(?:\{([^}]*)\})?/g)];
      expect(names.length, expression).toBeGreaterThan(0);
      for (const [, name = "", matchers = ""] of names) {
        expect([...there.keys()], expression).toContain(name);
        const labels = [...matchers.matchAll(/(\w+)\s*(?:=~|!=|!~|=)/g)].map(([, label]) => label!);
        for (const label of labels) expect([...there.get(name)!, ...scraped], expression).toContain(label);
      }
    }
  });

  test("are PromQL by Prometheus' own grammar", () => {
    for (const expression of expressions) {
      // The dashboard's own words stand for a duration, or are no expression but a question about labels.
      const asked = expression.replaceAll(/\$__\w+|\$\{__\w+\}/g, "5m");
      if (!asked.startsWith("label_values(")) expect(errorsIn(asked), asked).toEqual([]);
    }
    expect(errorsIn("rate(roxy_dispatches_total[5m)")).not.toEqual([]);
    expect(errorsIn("sum by (action roxy_dispatches_total")).not.toEqual([]);
  });

  test("each rule says what is the matter, and no two rules or panels share a name", () => {
    for (const rule of rules) {
      expect(rule.annotations.summary).toBeString();
      expect(rule.labels).toHaveProperty("severity");
      if (rule.for !== undefined) expect(rule.for).toMatch(/^\d+[smh]$/);
    }
    expect(new Set(rules.map(({ alert }) => alert)).size).toBe(rules.length);
    expect(new Set(dashboard.panels.map(({ id }) => id)).size).toBe(dashboard.panels.length);
  });

  test("no two panels lie on each other", () => {
    const cells = dashboard.panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(new Set(cells).size).toBe(cells.length);
  });
});
