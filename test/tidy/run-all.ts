/**
 * All tests, in two runs side by side: half of their time they wait for something to happen. `bun test --parallel` would
 * run each file on its own, and start the programs that files share once for every file.
 */
import { readdirSync } from "node:fs";
import path from "node:path";

/** Half of the whole time, and what needs a browser. */
const slow = ["panel", "cli"];
/** No tests, but programs of their own. */
const programs = ["bench", "fuzz"];

const folders = readdirSync("test", { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && !programs.includes(entry.name))
  .map(({ name }) => name);

interface Run {
  readonly code: number;
  readonly output: string;
}

async function run(names: readonly string[], onOutput?: (text: string) => void): Promise<Run> {
  const files = names.map((name) => path.join("test", name) + path.sep);
  const child = Bun.spawn([process.execPath, "test", ...files], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  let output = "";
  const read = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      const text = decoder.decode(bytes, { stream: true });
      output += text;
      onOutput?.(text);
    }
  };
  await Promise.all([read(child.stdout), read(child.stderr)]);
  return { code: await child.exited, output };
}

const others = folders.filter((name) => !slow.includes(name));
const runs = await Promise.all([run(others, (text) => process.stdout.write(text)), run(slow)]);
process.stdout.write(runs[1].output);
const failed = runs.flatMap(({ output }) => output.split("\n").filter((line) => line.includes("(fail)")));
if (failed.length > 0) process.stdout.write(`\nFailed in all:\n${[...new Set(failed)].join("\n")}\n`);
process.exit(runs.find(({ code }) => code !== 0)?.code ?? 0);
