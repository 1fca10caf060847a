import uPlot from "uplot";
import type { HourSeries } from "../state/history.ts";
import { clockWords } from "../state/words.ts";

/** The one chart of the page: drawn by uPlot, in the colours of the style sheet. */

let plot: uPlot | undefined;
let latest: HourSeries | undefined;
let drawn = "";

export function drawHour(series: HourSeries): void {
  latest = series;
  const now = JSON.stringify(series);
  if (now === drawn) return;
  drawn = now;
  plot?.setData(dataOf(series));
}

/** Called by the renderer with the chart's element, once; the returned function takes the chart down. */
export function mountHour(element: HTMLElement | null): (() => void) | undefined {
  if (!element) return undefined;
  const build = (): void => {
    plot?.destroy();
    // Without a size there is nothing to draw on; the observer calls again.
    const { clientWidth: width, clientHeight: height } = element;
    plot = width === 0 || !latest ? undefined : new uPlot(optionsFor({ width, height }), dataOf(latest), element);
  };
  const observer = new ResizeObserver(() => {
    if (plot?.width !== element.clientWidth || plot.height !== element.clientHeight) build();
  });
  observer.observe(element);
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", build);
  addEventListener("themechange", build);
  return () => {
    observer.disconnect();
    scheme.removeEventListener("change", build);
    removeEventListener("themechange", build);
    plot?.destroy();
    plot = undefined;
  };
}

/** Outcomes stand on each other: each series is drawn from the ground, the tallest first. */
function dataOf({ times, depth, done, failed, refused, unsent }: HourSeries): uPlot.AlignedData {
  const top = done.map((count, i) => count + failed[i]! + refused[i]! + unsent[i]!);
  const middle = done.map((count, i) => count + failed[i]!);
  return [times, top, middle, done, depth];
}

function optionsFor(size: { width: number; height: number }): uPlot.Options {
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string): string => style.getPropertyValue(name).trim();
  const rem = Number.parseFloat(style.fontSize);
  const font = `${Math.round(rem * 0.72)}px ${getComputedStyle(document.body).fontFamily}`;
  const grid = { stroke: colour("--line"), width: 1 };
  const bars = (name: string): uPlot.Series => ({
    fill: colour(name),
    width: 0,
    points: { show: false },
    paths: uPlot.paths.bars!({ size: [0.75, rem], align: 1 }),
  });
  const axis = { stroke: colour("--soft"), font, grid, ticks: { show: false } };
  return {
    ...size,
    cursor: { show: false },
    legend: { show: false },
    select: { show: false, left: 0, top: 0, width: 0, height: 0 },
    scales: {
      // The last minute has its room too.
      x: { time: true, range: (_plot, min, max) => [min, max + 60] },
      y: { range: (_plot, _min, max) => [0, Math.max(4, Math.ceil((max || 0) * 1.15))] },
    },
    axes: [
      { ...axis, size: rem * 1.8, space: rem * 5, values: (_plot, ticks) => ticks.map(clockWords) },
      { ...axis, size: rem * 2, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000], space: rem * 2 },
    ],
    series: [
      {},
      bars("--refused"),
      bars("--bad"),
      bars("--good"),
      {
        stroke: colour("--accent"),
        width: 2,
        points: { show: false },
        spanGaps: false,
        paths: uPlot.paths.stepped!({ align: 1 }),
      },
    ],
  };
}
