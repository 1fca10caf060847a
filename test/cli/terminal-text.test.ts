import { beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import { makeLog } from "./audit-log.ts";
import { runHere } from "./in-process.ts";
import { newRoot } from "./stage.ts";

/** What JSON.stringify leaves as it is: DEL, C1, marks of direction, separators of lines, invisible tags. */
const nasty = "\u007f\u009b31m\u202eevil\u2066\u2028\u2029\u{e0041}";
const auditId = "AUD-01KEG90000000000000000000A";
const root = path.join(newRoot(), `marked\u202e`);
const env = { PATH: "/usr/bin:/bin", HOME: root, ROXY_ROOT: root };

beforeAll(async () => {
  await makeLog(root, [[{ event: "rejected", audit_id: auditId, code: "rate_limited", detail: nasty }]]);
  const digest = `sha256:${"0".repeat(64)}`;
  writeFileSync(path.join(root, "client-tokens"), `mark admin ${digest} ${nasty.replace(/[\u2028\u2029]/g, "")}\n`);
  mkdirSync(path.join(root, "conf"));
  writeFileSync(
    path.join(root, "conf/c.jsonc"),
    JSON.stringify({ services: [{ name: nasty.slice(2), url: "http://x" }] }),
  );
});

const onTerminal = (...words: string[]) => runHere(env, words, { stdoutIsTerminal: true });
const inPipe = (...words: string[]) => runHere(env, words);
const lines = (text: string): string[] => text.split(/\r?\n/).slice(0, -1);
const drives = /[\p{C}\p{Zl}\p{Zp}]/u;

describe("on a terminal nothing gets there that could drive it", () => {
  test.each([
    ["audit tail", ["audit", "tail"]],
    ["audit tail --json", ["audit", "tail", "--json"]],
    ["audit show", ["audit", "show", auditId]],
    ["audit show --json", ["audit", "show", auditId, "--json"]],
    ["audit prove", ["audit", "prove", auditId]],
    ["audit export", ["audit", "export"]],
    ["audit export to csv", ["audit", "export", "--format", "csv"]],
    ["audit verify", ["audit", "verify"]],
    ["audit verify --json", ["audit", "verify", path.join(root, "conf"), "--json"]],
    ["audit rotate-key", ["audit", "rotate-key"]],
    ["token add", ["token", "add", "voice", "--role", "viewer"]],
    ["token add --json", ["token", "add", "video", "--role", "viewer", "--json"]],
    ["token list", ["token", "list"]],
    ["token list --json", ["token", "list", "--json"]],
    ["token remove", ["token", "remove", "voice"]],
    ["config init", ["config", "init", "--config", `conf/x\u001b[2J${nasty}`]],
    ["config show --json", ["config", "show", "--json", "-c", "conf/c.jsonc"]],
    ["config check --json", ["config", "check", "--json", "conf/c.jsonc"]],
    ["unit", ["unit"]],
    ["unit --install", ["unit", "--install"]],
  ])("%s", async (_, words) => {
    const { stdout, stderr } = await onTerminal(...words);
    expect(stdout + stderr).not.toBe("");
    for (const line of lines(stdout + stderr)) expect(line).not.toMatch(drives);
  });
});

test("what is escaped for a terminal is still the same JSON", async () => {
  const stored = lines(readFileSync(path.join(root, "logs/orchestrator-audit.jsonl"), "utf8"));
  const values = stored.map((line) => JSON.parse(line) as unknown);
  for (const words of [["tail", "--json"], ["export"]]) {
    expect(lines((await onTerminal("audit", ...words)).stdout).map((line) => JSON.parse(line) as unknown)).toEqual(
      values,
    );
  }
  const shown = JSON.parse((await onTerminal("config", "show", "--json", "-c", "conf/c.jsonc")).stdout) as unknown;
  expect(shown).toMatchObject({ root, settings: { services: { value: [{ name: nasty.slice(2) }] } } });
});

test("a pipe gets the stored lines byte for byte", async () => {
  const stored = readFileSync(path.join(root, "logs/orchestrator-audit.jsonl"), "utf8");
  expect(stored).toContain(nasty);
  expect((await inPipe("audit", "tail", "--json")).stdout).toBe(stored);
  expect((await inPipe("audit", "export")).stdout).toBe(stored);
  const line = lines(stored).find((one) => one.includes(nasty));
  expect((await inPipe("audit", "show", auditId, "--json")).stdout).toBe(`${line}\n`);
  expect((await inPipe("audit", "export", "--format", "csv")).stdout).toContain(`,${nasty},`);
});
