import type { TerminalSize } from "../runtime/types.ts";
import type { JobAnswer } from "./answers.ts";
import { clipped, displayWidth, table } from "./columns.ts";
import { colourless, frameLine, listed } from "./frame-text.ts";
import { jobColumns } from "./job-columns.ts";
import { printable } from "./printable.ts";
import type { Screen } from "./screen.ts";
import { styleOfStatus } from "./screen.ts";
import type { WatchState } from "./watch-state.ts";

/** Rows of the job table where there is room; who wants more asks `jobs`. */
const jobsMax = 15;
/** It is asked each second: an answer takes milliseconds, on a loaded machine a second or two. */
const silentMs = 3_000;
/** A terminal of the narrowest kind: a telephone's. Narrower ones are served as if they were so wide. */
const widthMin = 20;

/**
 * The live view as lines that fit the terminal: one column and one row less than it has, so that it never scrolls or
 * wraps by itself. Frames fill what the jobs leave.
 */
export function watchLines(screen: Screen, state: WatchState, size: TerminalSize, nowMs: number): string[] {
  const width = Math.max(widthMin, size.columns) - 1;
  const height = Math.max(1, size.rows - 1);
  const head = fitting(screen, width, (painting) => [stateLine(painting, state, nowMs), workLine(painting, state)]);
  const room = Math.max(0, height - head.length - 2);
  const jobs = state.jobs?.slice(0, Math.min(jobsMax, Math.ceil(room * 0.6))) ?? [];
  const none = room === 0 || !state.jobs ? [] : fitting(screen, width, () => ["Nothing has been dispatched yet"]);
  const rows = state.jobs?.length ? jobLines(screen, width, jobs, nowMs) : none;
  const framesMax = Math.max(0, height - head.length - rows.length - 2);
  const newest = framesMax === 0 ? [] : state.frames.slice(-framesMax);
  const frames = newest.map(
    (frame) => fitting(screen, width, (painting) => [frameLine(painting, frame).trimEnd()])[0]!,
  );
  const parts = [head, rows, frames].filter((part) => part.length > 0);
  return parts.flatMap((part, i) => (i === 0 ? part : ["", ...part])).slice(0, height);
}

/** A line that is too wide is cut, and goes without colours: cutting between them could leave one on. */
function fitting(screen: Screen, width: number, make: (painting: Screen) => string[]): string[] {
  // The width is ours to keep: what the screen was at the start may not be what it is now.
  const painted = make({ ...screen, columns: undefined });
  return make(colourless).map((plain, i) => (displayWidth(plain) <= width ? painted[i]! : clipped(plain, width)));
}

function stateLine(screen: Screen, state: WatchState, nowMs: number): string {
  const { url, connection, detail, telemetry, podium, heardAtMs } = state;
  const painted = (word: string): string => {
    const style = styleOfStatus(word);
    return style === undefined ? printable(word) : screen.paint(style, printable(word));
  };
  if (connection === "lost") {
    return `${screen.paint("red", "lost")}: ${printable(detail)}; trying again, what stands below is old  ${url}`;
  }
  const quietMs = nowMs - heardAtMs;
  if (quietMs > silentMs) {
    const what = `the gateway has not answered for ${Math.floor(quietMs / 1000)} s, what stands below is old`;
    return `${screen.paint("red", "silent")}: ${what}  ${url}`;
  }
  const isHeard = telemetry === "connected" || telemetry === "";
  const parts = [
    screen.paint(telemetry === "connected" ? "green" : "yellow", telemetry === "connected" ? "live" : "not live"),
    ...(telemetry === "" ? [] : [`telemetry ${painted(telemetry)}`]),
    // What it said of itself before is no news of it now.
    ...(podium === "" ? [] : [isHeard ? `Podium ${painted(podium)}` : "what Podium told may be old"]),
  ];
  return `${parts.join(", ")}  ${screen.paint("dim", url)}`;
}

/** What Podium has told; what it has not is left out. */
function workLine(screen: Screen, { queue, running, agents }: WatchState): string {
  const runs = (ids: readonly string[]): string =>
    ids.length === 0 ? "nothing runs" : `running ${screen.paint("cyan", listed(ids))}`;
  const waits = (ids: readonly string[]): string =>
    ids.length === 0 ? "nothing waits" : `${ids.length} waiting (${listed(ids)})`;
  const parts = [
    ...(running ? [runs(running)] : []),
    ...(queue ? [waits(queue)] : []),
    ...(agents ? [`${agents.busy} of ${agents.total} agents busy`] : []),
  ];
  return parts.join(", ") || "Podium has not told yet what runs and what waits";
}

function jobLines(screen: Screen, width: number, jobs: readonly JobAnswer[], nowMs: number): string[] {
  if (jobs.length === 0) return [];
  const columns = jobColumns(width);
  const rows = jobs.map((job) => columns.map(({ text }) => text(job, nowMs)));
  return fitting(screen, width, (painting) => table(painting, columns, rows).trimEnd().split("\n"));
}
