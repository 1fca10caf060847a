import fs from "node:fs";
import { answerCommands } from "./commands.ts";

/** The disk alone: one record's bytes written and synced, nothing else. */

/** An intent and an outcome of the bench are 650 bytes each, near enough. */
const line = Buffer.alloc(650, "x");
const fd = fs.openSync(
  `${process.argv[2]}/disk`,
  fs.constants.O_WRONLY | fs.constants.O_APPEND | fs.constants.O_CREAT,
  0o600,
);

function run({ ms }: { ms: number }): Promise<unknown> {
  const times: number[] = [];
  for (const until = performance.now() + ms; performance.now() < until;) {
    const started = performance.now();
    fs.writeSync(fd, line);
    fs.fdatasyncSync(fd);
    times.push(performance.now() - started);
  }
  times.sort((a, b) => a - b);
  return Promise.resolve({ p50Us: times[times.length >> 1]! * 1000 });
}

await answerCommands({}, run);
