/** @jsxImportSource hono/jsx/dom */
import type { Fields } from "../api/json.ts";
import { firstText, numberOf } from "../api/json.ts";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { eventNames, questionOf, questionWords, recordsMax, resultWord } from "../state/audit.ts";
import { actionWord } from "../state/words.ts";
import { ChainCard } from "./chain-card.tsx";
import { DispatchRecords } from "./dispatch-records.tsx";
import type { HeldRow } from "../state/held.ts";
import { Newcomers, useHeld } from "./held-list.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { Status } from "./status.tsx";
import { Id, Text, Time } from "./text.tsx";
import { fieldText } from "./field-text.ts";
import { plainField } from "./plain-field.ts";

interface Props {
  readonly session: Session;
  readonly state: PanelState;
}

/** The log: what was asked for, what became of it, and that nobody has edited it. */
export function AuditPage({ session, state }: Props) {
  const { audit } = state;
  const held = useHeld(audit.records, (record) => String(record["seq"]), { wish: audit.answered });
  return (
    <div class="audit">
      <ChainCard session={session} state={state} />
      {audit.dispatch && <DispatchRecords session={session} state={state} />}
      <section class="card" aria-labelledby="records-title">
        <header>
          <h2 id="records-title" tabIndex={-1}>
            Records, newest first
          </h2>
          {audit.loading && <span class="fine">reading…</span>}
          <Newcomers held={held} noun={held.waiting === 1 ? "record" : "records"} />
        </header>
        <SearchForm session={session} state={state} />
        {audit.problem && <ProblemNote problem={audit.problem} remedy="" />}
        <RecordTable state={state} rows={held.rows} hold={held.hold} />
        {held.rows.length === 0 && !audit.loading && !audit.problem && <p class="empty">No record fits.</p>}
        {audit.next !== undefined && (
          <button type="button" class="quiet" onClick={() => void session.audit.more()}>
            Older records
          </button>
        )}
        {audit.records.length >= recordsMax && (
          <p class="fine">Older ones are read with a narrower search, or with roxy-core audit export.</p>
        )}
      </section>
    </div>
  );
}

function SearchForm({ session, state }: Props) {
  const { search, event } = state.audit;
  const submit = (submitted: Event): void => {
    submitted.preventDefault();
    const typed = fieldText(submitted, "search").trim();
    if (/^AUD-\S+$/i.test(typed)) location.hash = `#/audit/${typed.toUpperCase()}`;
    else void session.audit.search(typed);
  };
  const empty = ({ key, target }: KeyboardEvent): void => {
    if (key !== "Escape") return;
    (target as HTMLInputElement).value = "";
    if (search !== "") void session.audit.search("");
  };
  return (
    <form class="dispatch audit-search" role="search" onSubmit={submit}>
      <label for="search">Search</label>
      <input
        id="search"
        name="search"
        type="search"
        defaultValue={search}
        placeholder="story, plan, JOB-…, AUD-…, 2026-01-09, user:mark  /"
        onKeyDown={empty}
        {...plainField}
      />
      <label for="event" class="unseen">
        Event
      </label>
      <select
        id="event"
        value={event}
        onChange={(changed: Event) => void session.audit.search(search, (changed.target as HTMLSelectElement).value)}
      >
        <option value="">every event</option>
        {eventNames.map((name) => (
          <option key={name} value={name}>
            {name}
          </option>
        ))}
      </select>
      <button type="submit">Search</button>
      <p class="fine">{questionWords(questionOf(state.audit))}</p>
    </form>
  );
}

interface RecordTableProps {
  readonly state: PanelState;
  readonly rows: readonly HeldRow<Fields>[];
  readonly hold: object;
}

function RecordTable({ state, rows, hold }: RecordTableProps) {
  const { verification } = state.audit;
  const verifiedTo = verification?.verified ? (verification.toSeq ?? -1) : -1;
  return (
    <div class="table" role="region" aria-label="Audit records" tabIndex={0} {...hold}>
      <table>
        <thead>
          <tr>
            {["#", "Time", "Event", "What", "Who", "Result", "Records"].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.map(({ item }) => (
            <RecordRow key={String(item["seq"])} record={item} verifiedTo={verifiedTo} nowMs={state.nowMs} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function RecordRow({ record, verifiedTo, nowMs }: { record: Fields; verifiedTo: number; nowMs: number }) {
  const seq = numberOf(record["seq"]) ?? -1;
  const [event, action, subject] = [
    firstText(record, "event"),
    firstText(record, "action"),
    firstText(record, "story_id", "plan_id"),
  ];
  const who = firstText(record, "user_id", "source");
  const auditId = firstText(record, "audit_id");
  const result = resultWord(record);
  const isVerified = seq >= 0 && seq <= verifiedTo;
  return (
    <tr class={seq === verifiedTo ? "verified-mark" : ""}>
      <td class="num" title={isVerified ? "verified" : "not verified in this page"}>
        {seq}
        {isVerified && <span class="tick" role="img" aria-label="verified" />}
      </td>
      <td>
        <Time at={firstText(record, "timestamp")} nowMs={nowMs} />
      </td>
      <td>{event}</td>
      <td class="what">
        {action !== undefined && actionWord(action)} {subject !== undefined && <Id id={subject} />}
      </td>
      <td>{who !== undefined && <Text text={who} chars={40} />}</td>
      <td>{result !== undefined && <Status word={result} />}</td>
      <td>
        {auditId !== undefined && (
          <a href={`#/audit/${auditId}`} title={auditId}>
            …{auditId.slice(-6)}
          </a>
        )}
      </td>
    </tr>
  );
}
