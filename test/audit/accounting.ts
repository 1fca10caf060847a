import { expect } from "bun:test";
import { survey } from "../../src/audit/folder.ts";
import type { StoredRecord } from "../../src/audit/record.ts";
import { runtime } from "../../src/runtime/bun.ts";
import type { Place } from "./log-folder.ts";
import { recordsIn, verifyPlace } from "./log-folder.ts";
import type { Acknowledged } from "./traced.ts";

/** What must be true of a log after whatever was done to its writer. */

export function allRecords(place: Place): StoredRecord[] {
  // A kill between rename and open leaves no active file.
  const { closed, active } = survey(runtime.files, place.dir);
  return [...closed.map((file) => file.path), ...(active ? [place.active] : [])].flatMap(recordsIn);
}

/** Verification passes, and every acknowledged record is there with its hash, or was pruned with a record of it. */
export async function expectAcknowledgedHeld(
  place: Place,
  acknowledged: readonly Acknowledged[],
  label: string,
): Promise<void> {
  const result = await verifyPlace(place);
  if (!result.ok) throw new Error(`${label}: ${JSON.stringify(result.fault)}`);
  const held = new Map(allRecords(place).map((record) => [record.seq, record.hash]));
  const first = result.firstSeq ?? 0;
  const lost = acknowledged.filter(({ seq, hash }) => seq >= first && held.get(seq) !== hash);
  expect({ label, lost }).toEqual({ label, lost: [] });
}

/** One intent has exactly one outcome, or was closed as unknown. */
export function expectIntentsAccounted(place: Place, label: string): void {
  const ends = new Map<string, number>();
  const intents = new Set<string>();
  for (const { event, audit_id } of allRecords(place)) {
    if (event === "intent") intents.add(audit_id!);
    if (event === "outcome" || event === "unknown") ends.set(audit_id!, (ends.get(audit_id!) ?? 0) + 1);
  }
  const unaccounted = [...intents].filter((id) => ends.get(id) !== 1);
  expect({ label, unaccounted }).toEqual({ label, unaccounted: [] });
}
