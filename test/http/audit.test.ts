import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Hono } from "hono";
import { Evidence } from "../../src/audit/evidence.ts";
import { AuditLog } from "../../src/audit/log.ts";
import { Scans } from "../../src/audit/scans.ts";
import { auditRoutes } from "../../src/http/audit.ts";
import { jobRoutes } from "../../src/http/jobs.ts";
import { problemResponse } from "../../src/http/problem.ts";
import { JobArchive } from "../../src/jobs/archive.ts";
import { JobStore } from "../../src/jobs/store.ts";
import { newAuditId } from "../../src/lib/ids.ts";
import type { Problem } from "../../src/lib/errors.ts";
import { silentLog } from "../../src/lib/log.ts";
import { runtime } from "../../src/runtime/bun.ts";

/** The query of `GET /api/orchestrator/audit`: the same words as `audit export` takes. */

const root = mkdtempSync(join(tmpdir(), "roxy-audit-http-"));
afterAll(() => rmSync(root, { recursive: true }));
let app: Hono;
let scans: Scans;

beforeAll(async () => {
  const { files, sha256 } = runtime;
  let ms = Date.parse("2026-01-09T08:00:00Z");
  const keyFile = join(root, "keys/audit.key");
  const dir = join(root, "logs");
  const clock = { now: () => ms, monotonic: () => ms };
  const onFatal = (): void => {};
  const options = { retentionDays: 90, diskReserveMb: 0, onFatal, version: "0" };
  const log = await AuditLog.open({ files, sha256, clock, log: silentLog, dir, keyFile, ...options });
  for (let day = 0; day < 3; day++, ms += 86_400_000) await log.append({ event: "intent", count: day });
  await log.close();
  const reading = () => ({ files, sha256, dir });
  scans = new Scans(reading);
  const evidence = new Evidence({
    log: reading,
    search: scans.run,
    seal: () => log.seal(),
    signed: () => log.checkpointSize,
    keyFile,
  });
  const archive = new JobArchive(new JobStore(clock), reading, scans.run);
  app = new Hono();
  app.route("/", jobRoutes({ archive }) as never);
  app.route("/", auditRoutes({ evidence, head: () => log.head, checkpointSize: () => log.checkpointSize }) as never);
  app.onError((error) => problemResponse(error as Problem));
});

async function ask(query: string): Promise<{ status: number; body: { [key: string]: unknown } }> {
  const answer = await app.request(`/api/orchestrator/audit?${query}`);
  return { status: answer.status, body: (await answer.json()) as { [key: string]: unknown } };
}

test.each([
  ["event=intent&from=2026-01-10", [2, 1]],
  ["event=intent&to=2026-01-10", [1, 0]],
  ["event=intent&from=2026-01-10&to=2026-01-10", [1]],
  ["event=intent&from=2026-01-10T09:00%2B01:00&to=2026-01-11T08:00Z", [1]],
  ["event=intent&to=2026-01-11T08:00:00.001Z", [2, 1, 0]],
])("%s: days are included as an end, times are not, offsets count", async (query, counts) => {
  const { status, body } = await ask(query);
  expect(status).toBe(200);
  expect((body["records"] as { count: number }[]).map(({ count }) => count)).toEqual(counts);
});

test.each([
  ["event=bogus", "/event"],
  ["from=2026-02-30", "/from"],
  ["to=tomorrow", "/to"],
  ["from=2026-01-09T08:00", "/from"],
  ["from=2026-01-10T08:00+01:00", "/from"],
  ["from=2026-01-10&to=2026-01-09", "/to"],
])("%s is refused by name", async (query, pointer) => {
  const { status, body } = await ask(query);
  expect({ status, code: body["code"] }).toEqual({ status: 400, code: "invalid_request" });
  expect(body["errors"]).toMatchObject([{ pointer }]);
});

test("an event that is none is told what there is", async () => {
  expect((await ask("event=bogus")).body["detail"]).toContain("Expected one of genesis, open, intent, ");
});

const auditId = newAuditId(Date.parse("2026-01-10T09:00:00Z"));
const readers = [
  "audit?story=NONE",
  `audit/${auditId}`,
  `audit/${auditId}/proof`,
  "jobs?user=nobody",
  "jobs?day=2026-01-10",
  "status/JOB-20260110-001",
];

test.each(readers)(
  "%s stands in the one line in front of the log, and leaves it when its caller has gone",
  async (path) => {
    const hold = Promise.withResolvers<void>();
    const busy = Array.from({ length: 2 }, () => scans.run(() => hold.promise));
    const gone = new AbortController();
    const request = (signal?: AbortSignal): Promise<Response> =>
      Promise.resolve(app.request(`/api/orchestrator/${path}`, {}, { connection: { signal } }));
    const waiting = Array.from({ length: 32 }, () => request(gone.signal));
    expect((await request()).status).toBe(429);
    gone.abort();
    for (const { status } of await Promise.all(waiting)) expect(status).toBe(503);
    const next = request();
    hold.resolve();
    await Promise.all(busy);
    expect([200, 404]).toContain((await next).status);
  },
);
