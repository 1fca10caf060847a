import { expect, test } from "bun:test";
import { encodeRecord } from "../../src/audit/record.ts";
import { outcomeDraft } from "../../src/dispatch/records.ts";
import { jobOfIntent } from "../../src/jobs/job.ts";
import { runtime } from "#runtime";
import { morning } from "../lib/fake-clock.ts";
import { intentAt } from "./records.ts";

const job = jobOfIntent(intentAt(morning, 1));
const draftOf = (response: string) => outcomeDraft(job, { result: "queued", httpStatus: 200, response }, 1.4);

/** With its quotes, what the record of a dispatch has room for. */
const longest = 200_000 - 2;

test.each([
  ["plain text", "x", 1],
  ["characters that are escaped", '"', 2],
  ["characters of several bytes", "ä", 2],
])("an answer in %s is recorded as long as its line has room for it, else by its size", (_name, letter, bytes) => {
  const response = letter.repeat(longest / bytes);
  const draft = draftOf(response);
  expect(draft.podium_response).toBe(response);
  const place = { seq: 1, prevHash: "0".repeat(64), epochMs: morning };
  expect(() => encodeRecord(draft, place, runtime.sha256)).not.toThrow();
  const { podium_response, podium_response_bytes } = draftOf(`${response}x`);
  expect(podium_response).toBeUndefined();
  expect(podium_response_bytes).toBe(new TextEncoder().encode(`${response}x`).length);
});

test("how long it took is recorded in whole milliseconds", () => {
  expect(draftOf("{}").duration_ms).toBe(1);
});
