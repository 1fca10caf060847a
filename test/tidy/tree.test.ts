import { describe, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dir, "../..");
const files = Bun.spawnSync(["git", "ls-files", "--cached", "--others", "--exclude-standard"], { cwd: root })
  .stdout.toString()
  .split("\n")
  .filter((file) => file !== "" && existsSync(join(root, file)));
const read = (file: string): string => readFileSync(join(root, file), "utf8");
const sources = files.filter((file) => /\.(ts|tsx)$/.test(file));

describe("the tree is tidy", () => {
  test("no source file is longer than one sitting: 350 lines", () => {
    expect(sources.filter((file) => read(file).split("\n").length > 351)).toEqual([]);
  });

  test("file names are kebab-case", () => {
    const names = sources.map((file) =>
      file
        .split("/")
        .at(-1)!
        .replace(/(\.test|\.d)?\.tsx?$/, ""),
    );
    expect(names.filter((name) => !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(name))).toEqual([]);
  });

  test("no barrel files, and no names that say nothing", () => {
    expect(sources.filter((file) => /(^|\/)(index|utils?|helpers?|common|misc|manager)\.tsx?$/.test(file))).toEqual([]);
  });

  test("every test folder mirrors a source folder", () => {
    const own = new Set(["e2e", "torture", "fuzz", "bench", "tidy"]);
    const folders = new Set(sources.filter((file) => file.startsWith("test/")).map((file) => file.split("/")[1]!));
    const mirrored = [...folders].filter((folder) => !own.has(folder));
    expect(mirrored.filter((folder) => !files.some((file) => file.startsWith(`src/${folder}/`)))).toEqual([]);
  });

  test("versions are exact, and nobody's registry is named", () => {
    const { dependencies, devDependencies } = JSON.parse(read("package.json")) as Record<
      string,
      Record<string, string>
    >;
    const versions = Object.entries({ ...dependencies, ...devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(read("bun.lock")).not.toMatch(/https?:\/\//);
  });

  test("no test is skipped or focused by hand; a missing tool says SKIPPED aloud", () => {
    const byHand = (line: string): boolean => /\b(test|describe|it)\.(only|skip|todo|failing)\(/.test(line);
    const marked = sources.filter((file) =>
      read(file)
        .split("\n")
        .some((line) => byHand(line) && !line.includes("SKIPPED")),
    );
    expect(marked.filter((file) => file !== "test/tidy/tree.test.ts")).toEqual([]);
  });
});
