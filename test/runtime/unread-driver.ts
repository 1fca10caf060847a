import { runtime } from "#runtime";

/**
 * Says more on standard error than a pipe holds, until it is told that enough waits, and then a line for each SIGHUP; ends
 * with 3 at a SIGTERM, or with 4 by itself where its argument is `fault`. One JSON object a line on standard output: the lines that were taken, or whether one was.
 */
const { process } = runtime;
const linesMax = 100_000;
const line = `${"x".repeat(99)}\n`;
const say = (words: object): void => process.stdout(`${JSON.stringify(words)}\n`);

process.onSignal("SIGTERM", () => void process.exit(3));
process.onSignal("SIGHUP", () => say({ taken: process.stderr("once more\n") }));
let lines = 0;
while (lines < linesMax && process.stderr(line)) lines++;
say({ lines });
if (globalThis.process.argv[2] === "fault") void process.exit(4);
// Something to do until then.
setInterval(() => {}, 60_000);
