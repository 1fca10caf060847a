/** @jsxImportSource hono/jsx/dom */
import { useEffect, useRef } from "hono/jsx/dom";
import type { Fields } from "../api/json.ts";
import { firstText, numberOf } from "../api/json.ts";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icon.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { Text, Time } from "./text.tsx";

/** Said in the head of each record, so not again below. */
const inHead = new Set(["v", "event", "timestamp", "audit_id", "seq"]);

/** One dispatch: its records side by side, in the order they were written. */
export function DispatchRecords({ session, state }: { session: Session; state: PanelState }) {
  const { dispatch, proofProblem } = state.audit;
  const title = useRef<HTMLElement>(null);
  // Whoever followed a link to a dispatch reads on there.
  useEffect(() => title.current?.focus(), [dispatch?.auditId]);
  if (!dispatch) return null;
  const { auditId, records, problem } = dispatch;
  const receipt = receiptOf(records);
  return (
    <section class="card" aria-labelledby="dispatch-records-title">
      <header>
        <h2 id="dispatch-records-title" tabIndex={-1} ref={title}>
          One dispatch
        </h2>
        <span class="id">{auditId}</span>
        <a
          class="button quiet icon-only"
          href="#/audit"
          aria-label="Close these records"
          onClick={() => leave(auditId)}
        >
          <Icon name="close" />
        </a>
      </header>
      <div class="plan-buttons">
        {receipt !== undefined && <CopyButton text={receipt} label="Copy the receipt" words="Copy receipt" />}
        <button type="button" class="quiet" onClick={() => void session.audit.proof(auditId)}>
          <Icon name="down" />
          <span>Download proof</span>
        </button>
      </div>
      {proofProblem && <ProblemNote problem={proofProblem} button="Download proof" />}
      {problem && <ProblemNote problem={problem} remedy="" />}
      <div class="side-by-side">
        {records.map((record) => (
          <RecordCard key={String(record["seq"])} record={record} nowMs={state.nowMs} />
        ))}
      </div>
      {records.length === 0 && !problem && <p class="empty">Reading its records…</p>}
    </section>
  );
}

/** Back to the list, to where its link is if that is there. */
function leave(auditId: string): void {
  const link = document.querySelector<HTMLElement>(`.table a[href="#/audit/${CSS.escape(auditId)}"]`);
  (link ?? document.getElementById("records-title"))?.focus();
}

/** The same as the answer to the dispatch had: the intent's place in the chain. */
function receiptOf(records: readonly Fields[]): string | undefined {
  const intent = records.find((record) => record["event"] === "intent");
  if (!intent) return undefined;
  const { seq, hash, audit_id, job_id } = intent;
  return JSON.stringify({ audit_id, job_id, receipt: { seq, hash } });
}

function RecordCard({ record, nowMs }: { record: Fields; nowMs: number }) {
  const fields = Object.entries(record).filter(([name]) => !inHead.has(name));
  return (
    <article class="record" aria-label={`Record ${String(record["seq"])}`}>
      <h3>
        <span class="num">#{numberOf(record["seq"])}</span> {firstText(record, "event")}
        <Time at={firstText(record, "timestamp")} nowMs={nowMs} />
      </h3>
      <dl>
        {fields.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class={typeof value === "string" && /hash|key|id$/.test(name) ? "id" : ""}>
              <Text text={typeof value === "string" ? value : JSON.stringify(value)} chars={200} />
            </dd>
          </div>
        ))}
      </dl>
    </article>
  );
}
