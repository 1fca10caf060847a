import type { Fields } from "../api/json.ts";
import { fieldsOf, firstText, listOf } from "../api/json.ts";

/**
 * When each of Podium's words about a job was recorded, by job id, from `GET …/audit?event=job`: what happened before
 * this page was opened. What the page heard itself stays.
 */
export function heardFrom(
  body: Fields,
  heard: ReadonlyMap<string, ReadonlyMap<string, string>>,
): Map<string, ReadonlyMap<string, string>> {
  const all = new Map(heard);
  // Newest first, as the log answers: of two equal words the first one heard counts, so the last one read.
  for (const item of listOf(body["records"])) {
    const record = fieldsOf(item);
    const [jobId, word, at] = [
      firstText(record, "job_id"),
      firstText(record, "podium_status"),
      firstText(record, "timestamp"),
    ];
    if (jobId === undefined || word === undefined || at === undefined || heard.get(jobId)?.has(word)) continue;
    all.set(jobId, new Map(all.get(jobId)).set(word, at));
  }
  return all;
}
