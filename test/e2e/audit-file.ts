import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import type { Json } from "./http-client.ts";

/** The log as anybody can read it: lines of JSON in a file. Knows nothing of the program's own code. */
export const activeName = "orchestrator-audit.jsonl";

export function auditPath(root: string): string {
  return `${root}/logs/${activeName}`;
}

/** Closed files in their order, then the active one. Whole lines only: the last one may be being written. */
export function readLines(root: string): string[] {
  const folder = `${root}/logs`;
  if (!existsSync(folder)) return [];
  const firstSeq = (name: string): number => Number(name.split(".")[1]);
  const closed = readdirSync(folder).filter((name) => /^orchestrator-audit-.*\.jsonl$/.test(name));
  const names = [...closed.toSorted((a, b) => firstSeq(a) - firstSeq(b)), activeName];
  return names
    .filter((name) => existsSync(`${folder}/${name}`))
    .flatMap((name) => readFileSync(`${folder}/${name}`, "utf8").split("\n").slice(0, -1));
}

export function readRecords(root: string): Json[] {
  return readLines(root).map((line) => JSON.parse(line));
}

/** The records of one dispatch, in order. */
export function recordsOf(root: string, auditId: string): Json[] {
  return readRecords(root).filter(({ audit_id }) => audit_id === auditId);
}

/** Every way in which the chain is broken; none when it is whole. The hash is over the stored bytes, never re-made. */
export function chainFaults(lines: readonly string[]): string[] {
  const faults: string[] = [];
  let prev = "0".repeat(64);
  for (const [index, line] of lines.entries()) {
    const record = JSON.parse(line) as { seq: number; prev_hash: string; hash: string };
    const at = line.lastIndexOf(',"hash":"');
    const hash = createHash("sha256").update(line.slice(0, at)).digest("hex");
    if (line.length - at !== 75) faults.push(`line ${index + 1}: the hash is not the last 75 characters`);
    if (record.seq !== index) faults.push(`line ${index + 1}: seq is ${record.seq}`);
    if (record.prev_hash !== prev) faults.push(`line ${index + 1}: prev_hash does not follow`);
    if (record.hash !== hash) faults.push(`line ${index + 1}: hash is not that of its bytes`);
    prev = record.hash;
  }
  return faults;
}
