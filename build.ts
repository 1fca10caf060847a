import { $ } from "bun";

/**
 * Compiles the program with its runtime into one file.
 *   bun build.ts              dist/roxy-core for this machine
 *   bun build.ts NAME...      dist/roxy-core-NAME for other machines
 *   bun build.ts all          every one of them
 */
const targets = {
  "linux-x64": "bun-linux-x64-baseline",
  "linux-x64-musl": "bun-linux-x64-musl-baseline",
  "linux-arm64": "bun-linux-arm64",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "darwin-arm64": "bun-darwin-arm64",
} as const;
type Name = keyof typeof targets;

async function commitOf(): Promise<string> {
  const head = await $`git rev-parse --short=12 HEAD`.nothrow().quiet();
  if (head.exitCode !== 0) return "unknown";
  const changed = await $`git status --porcelain --untracked-files=no`.nothrow().quiet();
  return head.text().trim() + (changed.text().trim() === "" ? "" : "-changed");
}

async function compile(outfile: string, target: string | undefined, commit: string): Promise<void> {
  const result = await Bun.build({
    entrypoints: ["src/main.ts"],
    minify: true,
    bytecode: true,
    define: { ROXY_COMMIT: JSON.stringify(commit), "process.env.NODE_ENV": '"production"' },
    compile: { outfile, ...(target !== undefined && { target: target as Bun.Build.CompileTarget }) },
  });
  if (!result.success) throw new AggregateError(result.logs, `Cannot build ${outfile}`);
  console.log(`${outfile} (${commit}, ${(Bun.file(outfile).size / 1e6).toFixed(0)} MB)`);
}

const wanted = process.argv.slice(2);
const names = (wanted.includes("all") ? Object.keys(targets) : wanted) as Name[];
const unknown = names.filter((name) => !(name in targets));
if (unknown.length > 0) {
  console.error(`No such target: ${unknown.join(", ")}. There are: ${Object.keys(targets).join(", ")}, all`);
  process.exit(2);
}
const commit = await commitOf();
if (names.length === 0) await compile("dist/roxy-core", undefined, commit);
for (const name of names) await compile(`dist/roxy-core-${name}`, targets[name], commit);
