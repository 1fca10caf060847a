import { expect } from "bun:test";
import { appendFileSync } from "node:fs";
import { dirname } from "node:path";
import { newPlace } from "./log-folder.ts";
import type { Place } from "./log-folder.ts";
import { runTraced, tracedTest } from "./traced.ts";

/**
 * src/audit/README.md, "Life of a record": what each step leaves durable before the next one begins. The trace of a life
 * is walked with what a power cut would take away at each moment.
 */

const traced = "trace=openat,write,fsync,fdatasync,rename,unlink,mkdir,truncate,ftruncate";

/** Files with bytes that no sync covers, and folders with names that none covers. */
class Disk {
  readonly #place: Place;
  readonly #files = new Set<string>();
  readonly #folders = new Set<string>();
  readonly seen: string[] = [];

  constructor(place: Place) {
    this.#place = place;
  }

  /** Paths below the place only: its names are all that concerns us. */
  take(call: string, path: string, other: string | undefined, rest: string): void {
    if (call === "fsync" || call === "fdatasync") {
      this.#files.delete(path);
      this.#folders.delete(path);
    }
    if (call === "write" || call === "truncate" || call === "ftruncate") this.#changes(call, path);
    if (call === "mkdir") this.#folders.add(dirname(path));
    // A temporary file's own name need not last; the log's and a key's must, before anything relies on them.
    const isMade = call === "openat" && (/O_APPEND/.test(rest) || (/O_EXCL/.test(rest) && !path.endsWith(".tmp")));
    if (isMade || call === "rename" || call === "unlink") this.#names(call, path, other);
  }

  #changes(call: string, path: string): void {
    if (path === this.#place.active) this.expectSynced(`${call} ${path}`);
    this.#files.add(path);
    if (call !== "write") this.seen.push(`${call} ${path}`);
  }

  #names(call: string, path: string, other: string | undefined): void {
    const what = `${call} ${path} ${other ?? ""}`.trimEnd();
    this.expectSynced(what);
    // What gets its final name must be whole under it.
    expect({ what, torn: this.#files.has(path) }).toEqual({ what, torn: false });
    this.#folders.add(dirname(other ?? path));
    this.seen.push(what);
  }

  /** Every name so far is durable. */
  expectSynced(what: string): void {
    expect({ what, before: [...this.#folders] }).toEqual({ what, before: [] });
  }

  /** Nothing at all would be lost. */
  expectAllSynced(): void {
    expect([...this.#folders, ...this.#files]).toEqual([]);
  }
}

/** Each successful call below the place, in the order in which they were begun. */
function walk(place: Place, trace: readonly string[]): Disk {
  const disk = new Disk(place);
  for (const line of wholeCalls(trace)) {
    const [, call, rest] = /^\d+ +(\w+)\((.*)$/.exec(line) ?? [];
    if (call === undefined || rest === undefined || / = -1 /.test(rest)) continue;
    const paths = /^\d+</.test(rest)
      ? [/^\d+<([^>]*)>/.exec(rest)![1]!]
      : [...rest.matchAll(/"([^"]*)"/g)].map((match) => match[1]!);
    if (paths[0]?.startsWith(place.root)) disk.take(call, paths[0], call === "rename" ? paths[1] : undefined, rest);
  }
  return disk;
}

/** Where another thread cut in, strace tells of a call in two pieces. */
function wholeCalls(trace: readonly string[]): string[] {
  const lines: string[] = [];
  const begun = new Map<string, number>();
  for (const line of trace) {
    const pid = line.split(" ", 1)[0]!;
    const resumed = /<\.\.\. \w+ resumed>(.*)$/.exec(line)?.[1];
    if (resumed !== undefined && begun.has(pid)) lines[begun.get(pid)!] += resumed;
    if (resumed !== undefined) continue;
    if (line.endsWith("<unfinished ...>")) begun.set(pid, lines.length);
    lines.push(line.replace(" <unfinished ...>", ""));
  }
  return lines;
}

tracedTest(
  "each file is synced before its name, and each name before whatever relies on it: first start to pruning, and a torn tail",
  async () => {
    const place = newPlace();
    const life = await runTraced(place, { mode: "life" }, ["-e", traced]);
    expect(life.exitCode).toBe(0);
    const disk = walk(place, life.trace);
    disk.expectAllSynced();
    const times = (what: string): number => disk.seen.filter((each) => each.startsWith(what)).length;
    expect(times(`rename ${place.active} `)).toBe(5);
    expect(times(`openat ${place.active}`)).toBe(6);
    expect(times(`rename ${place.keyFile}.new ${place.keyFile}`)).toBe(2);
    expect(times(`rename ${place.checkpoint}.`)).toBeGreaterThan(5);
    expect(times(`unlink ${place.dir}/orchestrator-audit-`)).toBeGreaterThan(0);

    appendFileSync(place.active, '{"v":1,"seq":');
    const next = await runTraced(place, { mode: "life" }, ["-e", traced]);
    expect(next.exitCode).toBe(0);
    const again = walk(place, next.trace);
    again.expectAllSynced();
    const [set, cut] = again.seen;
    expect(set).toMatch(/^rename \S+\.tmp \S+\.fragment\.\d+\.[0-9a-f]{16}$/);
    expect(cut).toBe(`ftruncate ${place.active}`);
  },
  30_000,
);
