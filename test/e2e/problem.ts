import { expect } from "bun:test";
import type { Answer } from "./http-client.ts";

export interface Expected {
  readonly status: number;
  readonly code: string;
  /** `safe`, `same-key` or `never`. */
  readonly retry: string;
}

/** RFC 9457, with our members: the whole shape, whatever went wrong. */
export function expectProblem(answer: Answer, { status, code, retry }: Expected): void {
  expect({ status: answer.status, body: answer.text }).toMatchObject({ status });
  expect(answer.headers.get("content-type")).toBe("application/problem+json");
  const { json } = answer;
  expect(json).toMatchObject({ success: false, type: "about:blank", status, code, retry });
  expect(json.title.length).toBeGreaterThan(3);
  expect(json.detail.length).toBeGreaterThan(10);
  const known = [
    "success",
    "type",
    "title",
    "status",
    "code",
    "detail",
    "retry",
    "errors",
    "audit_id",
    "job_id",
    "gateway",
  ];
  expect(Object.keys(json).filter((key) => !known.includes(key))).toEqual([]);
  if (json.audit_id !== undefined) expect(json.audit_id).toMatch(/^AUD-/);
  if (json.job_id !== undefined) expect(json.job_id).toMatch(/^JOB-\d{8}-\d{3,}$/);
}
