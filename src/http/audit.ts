import { Hono } from "hono";
import type { Evidence } from "../audit/evidence.ts";
import type { Span } from "../audit/read.ts";
import type { Receipt } from "../wire/dispatch.ts";
import { ulidTime } from "../lib/ids.ts";
import type { AuditEvent, AuditQuery } from "../wire/audit.ts";
import { momentOf } from "../wire/moment.ts";
import { auditQuerySchema } from "../wire/audit.ts";
import { jsonWith } from "../wire/raw-json.ts";
import type { HttpEnv } from "./app.ts";
import { callerOf } from "./caller.ts";
import { jsonResponse } from "./json-response.ts";
import { notFound } from "./problem.ts";
import { invalid, parseQuery } from "../wire/query.ts";

export interface AuditRouteDeps {
  readonly evidence: Evidence;
  /** The last durable record. */
  readonly head: () => Receipt;
  /** Records that the newest checkpoint covers. */
  readonly checkpointSize: () => number;
}

/** `GET /api/orchestrator/audit[…]`: the log, read only. */
export function auditRoutes({ evidence, head, checkpointSize }: AuditRouteDeps): Hono<HttpEnv> {
  return new Hono<HttpEnv>()
    .get("/api/orchestrator/audit", async (c) => {
      const { records, next } = await evidence.page(
        pageQuery(parseQuery(auditQuerySchema, c.req.queries())),
        callerOf(c),
      );
      return c.json({ success: true, records, next: next === undefined ? null : String(next) });
    })
    .get("/api/orchestrator/audit/head", (c) =>
      c.json({
        success: true,
        head: head(),
        checkpoint: evidence.checkpoint() ?? null,
        checkpoint_size: checkpointSize(),
      }),
    )
    .get("/api/orchestrator/audit/verify", async (c) => {
      const {
        ok,
        fault,
        firstSeq,
        records,
        head: verified,
        checkpointSize: signed,
        warnings,
      } = await evidence.verify();
      return c.json({
        success: true,
        verified: ok,
        records,
        from_seq: firstSeq ?? 0,
        to_seq: verified?.seq ?? null,
        signed: signed ?? 0,
        warnings,
        ...(fault && { fault }),
      });
    })
    .get("/api/orchestrator/audit/:audit_id", async (c) => {
      // The lines as they are stored: what was hashed is what is shown.
      const found = await evidence.dispatch(requireAuditId(c.req.param("audit_id")), callerOf(c));
      if (found.length === 0) throw notFound(`No records of ${c.req.param("audit_id")} are in the audit log`);
      return jsonResponse(jsonWith({ success: true }, { records: `[${found.map(({ text }) => text).join(",")}]` }));
    })
    .get("/api/orchestrator/audit/:audit_id/proof", async (c) => {
      const auditId = requireAuditId(c.req.param("audit_id"));
      const proof = await evidence.proof(auditId, callerOf(c));
      return jsonResponse(`${JSON.stringify(proof, null, 2)}\n`, {
        "content-disposition": `attachment; filename="${auditId}.proof.json"`,
      });
    });
}

function requireAuditId(auditId: string): string {
  if (auditId.startsWith("AUD-") && ulidTime(auditId.slice(4)) !== undefined) return auditId;
  throw invalid("/audit_id", "An audit id looks like AUD-01ARZ3NDEKTSV4RRFFQ69G5FAV");
}

function pageQuery(query: AuditQuery): Parameters<Evidence["page"]>[0] {
  const { event, action, story, plan, user, source, job, result, from, to, order, limit, cursor } = query;
  const wanted = { event, action, story_id: story, plan_id: plan, user_id: user, source, job_id: job, result };
  return {
    filter: Object.fromEntries(Object.entries(wanted).filter(([, value]) => value !== undefined)) as {
      event?: AuditEvent;
    },
    ...spanOf(from, to),
    order,
    limit,
    ...(cursor !== undefined && { cursor }),
  };
}

function spanOf(from: string | undefined, to: string | undefined): Span {
  const span = {
    ...(from !== undefined && { from: momentOf(from, "from")! }),
    ...(to !== undefined && { to: momentOf(to, "to")! }),
  };
  if (span.from !== undefined && span.to !== undefined && span.from >= span.to)
    throw invalid("/to", "This does not lie behind from");
  return span;
}
