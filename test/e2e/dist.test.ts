import { afterAll, describe, expect, test } from "bun:test";
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { repository } from "./launcher.ts";

/** Copies of the source with builds of their own, at two places: the checkout's dist may be anybody's. */
const folders = ["roxy-dist-", "roxy-dist-at-another-place-"].map((name) => mkdtempSync(path.join(tmpdir(), name)));
const [folder = "", elsewhere = ""] = folders;
afterAll(() => {
  for (const one of folders) rmSync(one, { recursive: true, force: true });
});
for (const one of folders) {
  for (const part of ["src", "package.json", "tsconfig.json", "build.ts"]) {
    cpSync(path.join(repository, part), path.join(one, part), { recursive: true });
  }
  symlinkSync(path.join(repository, "node_modules"), path.join(one, "node_modules"));
}

function build(at = folder): string {
  const { exitCode, stderr } = Bun.spawnSync([process.execPath, "build.ts"], { cwd: at });
  expect(stderr.toString()).toBe("");
  expect(exitCode).toBe(0);
  return readFileSync(path.join(at, "dist/SHA256SUMS"), "utf8");
}

describe("what lies in dist", () => {
  test("two builds of one source, at two places, are the same bytes, and the sums beside them are theirs", () => {
    const sums = build();
    expect(sums.split("\n").map((line) => line.slice(66))).toEqual(["roxy-core", "roxy-core.cdx.json", ""]);
    expect(build(elsewhere)).toBe(sums);
    const checked = Bun.spawnSync(["sha256sum", "-c", "SHA256SUMS"], { cwd: path.join(folder, "dist") });
    expect(checked.stdout.toString()).toBe("roxy-core: OK\nroxy-core.cdx.json: OK\n");
  }, 120_000);

  test("the bill of materials names every package inside, with its version and licence", () => {
    if (!existsSync(path.join(folder, "dist"))) build();
    const bill = JSON.parse(readFileSync(path.join(folder, "dist/roxy-core.cdx.json"), "utf8"));
    expect([bill.bomFormat, bill.specVersion]).toEqual(["CycloneDX", "1.6"]);
    const { dependencies } = JSON.parse(readFileSync(path.join(folder, "package.json"), "utf8"));
    const named = new Map(bill.components.map((one: { name: string; version: string }) => [one.name, one.version]));
    for (const [name, version] of Object.entries(dependencies)) expect(named.get(name)).toBe(version);
    expect(named.get("bun")).toBe(Bun.version);
    for (const { type, licenses, purl } of bill.components) {
      if (type !== "library") continue;
      expect(licenses[0].expression).toBeString();
      expect(purl).toMatch(/^pkg:npm\/(%40[\w-]+\/)?[\w.-]+@\d/);
    }
    expect(new Set(bill.components.map((one: Record<string, string>) => one["bom-ref"])).size).toBe(
      bill.components.length,
    );
  }, 120_000);
});
