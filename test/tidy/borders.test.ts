import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** The linter's rules are only as good as a violation they catch: each of these must be refused. */
const violations: readonly [file: string, source: string][] = [
  ["src/lib/probe-1.ts", 'import { Problem } from "../http/problem.ts";\nexport const a = Problem;'],
  ["src/wire/probe-2.ts", 'import { dispatch } from "../dispatch/pipeline.ts";\nexport const a = dispatch;'],
  ["src/audit/probe-3.ts", 'import { JobStore } from "../jobs/store.ts";\nexport const a = JobStore;'],
  ["src/podium/probe-4.ts", 'import { createApp } from "../http/app.ts";\nexport const a = createApp;'],
  ["src/luno/probe-5.ts", 'import { AuditLog } from "../audit/log.ts";\nexport const a = AuditLog;'],
  ["src/luno/http/probe-6.ts", 'import { AuditLog } from "../../audit/log.ts";\nexport const a = AuditLog;'],
  ["src/cli/probe-7.ts", 'import { judge } from "../luno/kernel.ts";\nexport const a = judge;'],
  ["src/http/probe-8.ts", 'import { readFileSync } from "node:fs";\nexport const a = readFileSync;'],
  ["src/dispatch/probe-9.ts", 'import { SignJWT } from "jose";\nexport const a = SignJWT;'],
  ["src/stream/probe-10.ts", 'import { runtime } from "#runtime";\nexport const a = runtime;'],
  ["src/http/probe-11.ts", "export const b = Bun.version;"],
  ["src/jobs/probe-12.ts", "export const b = Deno.version;"],
  ["src/dispatch/probe-13.ts", "export const b = process.env;"],
  ["src/podium/probe-14.ts", 'export const b = () => fetch("http://127.0.0.1:3847");'],
  ["src/metrics/probe-18.ts", 'import { AuditLog } from "../audit/log.ts";\nexport const a = AuditLog;'],
  ["src/http/probe-19.ts", 'import { Counter } from "prom-client";\nexport const a = Counter;'],
  [
    "src/dispatch/probe-20.ts",
    'import { createMetrics } from "../metrics/metrics.ts";\nexport const a = createMetrics;',
  ],
];
const sound: readonly [file: string, source: string][] = [
  ["src/dispatch/probe-15.ts", 'import { Problem } from "../lib/errors.ts";\nexport const a = Problem;'],
  ["src/audit/probe-16.ts", 'import type { Files } from "../runtime/types.ts";\nexport type A = Files;'],
  ["src/metrics/probe-21.ts", 'import { stages } from "../dispatch/stages.ts";\nexport const a = stages;'],
  ["src/runtime/probe-17.ts", 'import { readFileSync } from "node:fs";\nexport const a = readFileSync;'],
];

let tree = "";
let faults: Map<string, string>;
beforeAll(() => {
  tree = mkdtempSync(join(tmpdir(), "roxy-borders-"));
  const root = join(import.meta.dir, "../..");
  for (const file of [".oxlintrc.json", "package.json", "tsconfig.json"]) cpSync(join(root, file), join(tree, file));
  symlinkSync(join(root, "node_modules"), join(tree, "node_modules"));
  for (const [file, source] of [...violations, ...sound]) write(file, source);
  faults = lint();
});
afterAll(() => rmSync(tree, { recursive: true, force: true }));

function write(file: string, source: string): void {
  const path = join(tree, file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, source);
}

/** What the linter says, by file. */
function lint(): Map<string, string> {
  const { stdout } = Bun.spawnSync([join(tree, "node_modules/.bin/oxlint"), "--format=unix", "src"], { cwd: tree });
  const said = new Map<string, string>();
  for (const line of stdout.toString().split("\n")) {
    const file = line.split(":")[0]!;
    said.set(file, `${said.get(file) ?? ""}${line}\n`);
  }
  return said;
}

describe("the rooms' borders are kept by the linter", () => {
  test.each(violations)("%s may not say %s", (file) => {
    expect(faults.get(file)).toMatch(/no-restricted-(imports|globals)/);
  });

  test.each(sound)("%s may say %s", (file) => {
    expect(faults.get(file)).toBeUndefined();
  });
});
