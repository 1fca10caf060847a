import { expect, test } from "bun:test";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditDefaults, configSchema } from "../../src/config/schema.ts";
import { clientPingsMax, heartbeatS } from "../../src/runtime/types.ts";
import { inboundMax } from "../../src/stream/client.ts";
import { idempotencyKeyForm } from "../../src/wire/dispatch.ts";

const readme = readFileSync(join(import.meta.dir, "../../README.md"), "utf8");
const factors: Readonly<Record<string, number>> = { s: 1000, KiB: 1024, MiB: 1_048_576 };

/** A row's first number in the unit of its setting's name: `30 s` of `podium.timeout_ms` is 30,000. */
function told(text: string, setting: string): number {
  const [, number, unit = ""] = /^([\d,]+) ?(s|KiB|MiB)?\b/.exec(text) ?? [];
  const factor = setting.endsWith("_s") ? 1 : (factors[unit] ?? 1);
  return Number((number ?? "").replaceAll(",", "")) * factor;
}

test("the README's table of limits says the defaults of the schema", () => {
  const table = /\n## Limits\n([\s\S]*?)\n## /.exec(readme)?.[1] ?? "";
  const rows = [...table.matchAll(/^\| [^|]+ \| ([^|]+) \| `([a-z_]+)\.([a-z_]+)` \|$/gm)];
  const defaults: Readonly<Record<string, unknown>> = configSchema.parse({ audit: auditDefaults("/") });
  const inReadme = rows.map(([, text, group, key]): readonly unknown[] => [group, key, told(text!, key!)]);
  const inSchema = rows.map(([, , group, key]): readonly unknown[] => {
    const section = defaults[group!] as Readonly<Record<string, unknown>> | undefined;
    return [group, key, section?.[key!]];
  });
  expect(inReadme.length).toBe(8);
  expect(inReadme).toEqual(inSchema);
});

test("the README says of a key what the contract and the error say", () => {
  expect(readme.replaceAll("\n", " ")).toContain(`With an \`Idempotency-Key\` (${idempotencyKeyForm})`);
});

test("the README says how much a stream's client may say before it is closed", () => {
  expect(readme).toContain(`the client sent more than ${inboundMax} messages in all`);
  expect(readme).toContain(`more than ${clientPingsMax} pings in ${heartbeatS} s`);
});

test("the README's commands that write files work in a home where nothing is yet, and keep a key to its owner", () => {
  const home = mkdtempSync(join(tmpdir(), "roxy-readme-"));
  try {
    writeFileSync(join(home, "roxy-core"), "#!/bin/sh\necho complete", { mode: 0o755 });
    const env = { HOME: home, PATH: `${home}:/usr/bin:/bin` };
    const lines = readme.split("\n").filter((line) => / -out ~\/| > ~\//.test(line));
    expect(lines).toHaveLength(2);
    for (const line of lines) expect(Bun.spawnSync(["sh", "-c", line], { env }).exitCode).toBe(0);
    expect(statSync(join(home, ".roxy/keys/podium-jwt.key")).mode & 0o777).toBe(0o600);
    expect(existsSync(join(home, ".config/fish/completions/roxy-core.fish"))).toBe(true);
  } finally {
    rmSync(home, { recursive: true });
  }
});
