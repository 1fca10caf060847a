import { expect, test } from "bun:test";
import type { ActiveFile } from "../../src/audit/active-file.ts";
import { encodeRecord, zeroHash } from "../../src/audit/record.ts";
import { Tree } from "../../src/audit/tree.ts";
import { WriteLoop } from "../../src/audit/write-loop.ts";
import { runtime } from "../../src/runtime/bun.ts";
import { FakeClock, morning } from "../lib/fake-clock.ts";
import { intent } from "./log-folder.ts";

test("what is durable waits no more: in time nothing adds up to the bound", async () => {
  const writes: number[] = [];
  const file = { write: (bytes: Uint8Array) => void writes.push(bytes.length), sync: () => Promise.resolve() };
  const fail = (error: unknown): never => {
    throw error;
  };
  const loop = new WriteLoop(file as unknown as ActiveFile, new FakeClock(), () => {}, fail);
  const { head } = new Tree(runtime.sha256);
  for (let seq = 0; seq < 3; seq++) {
    const encoded = encodeRecord(intent(seq), { seq, prevHash: zeroHash, epochMs: morning }, runtime.sha256);
    const durable = loop.push(encoded, head, false);
    expect(loop.queuedBytes).toBe(encoded.line.length);
    await durable;
    expect([loop.queuedBytes, writes.at(-1)]).toEqual([0, encoded.line.length]);
  }
});
