/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import type { AuditHead, Verification } from "../state/audit.ts";
import { CopyButton } from "./copy-button.tsx";
import { Icon } from "./icon.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { Text, Time } from "./text.tsx";

/** The chain: where it ends, how far a signature covers it, how far it was verified. */
export function ChainCard({ session, state }: { session: Session; state: PanelState }) {
  const { head, verification, verifying, verifyProblem } = state.audit;
  return (
    <section class="card chain" aria-labelledby="chain-title">
      <header>
        <h2 id="chain-title">Chain</h2>
        <button
          type="button"
          class={`command ${verifying ? "sending" : ""}`}
          aria-disabled={verifying ? "true" : null}
          onClick={() => verifying || void session.audit.verify()}
        >
          {verifying ? <span class="spinner" /> : <Icon name="check" />}
          <span>{verifying ? "Verifying…" : "Verify now"}</span>
        </button>
      </header>
      <dl class="facts">
        <div>
          <dt>Newest record</dt>
          <dd>{head ? `#${head.seq}` : "–"}</dd>
        </div>
        <div>
          <dt>Signed</dt>
          <dd>{head ? signedWords(head) : "–"}</dd>
        </div>
        <div>
          <dt>Verified</dt>
          <dd>
            {verification ? <VerifiedWords verification={verification} nowMs={state.nowMs} /> : "not in this page yet"}
          </dd>
        </div>
        <div class="hash">
          <dt>Last hash</dt>
          <dd>
            <span class="id">{head?.hash ?? "–"}</span>
            {head && <CopyButton text={head.hash} label="Copy the last hash" />}
          </dd>
        </div>
      </dl>
      {verification && !verification.verified && (
        <div class="note note-bad" role="alert">
          <div class="note-words">
            <strong>The log was changed or is damaged.</strong> <Text text={verification.words} />
            <p>Keep the folder as it is, and compare with the receipts that clients and Podium hold.</p>
          </div>
        </div>
      )}
      {verifyProblem && <ProblemNote problem={verifyProblem} button="Verify now" />}
    </section>
  );
}

function signedWords({ seq, checkpointSize }: AuditHead): string {
  if (checkpointSize === 0) return "no checkpoint yet";
  const after = seq + 1 - checkpointSize;
  return `up to #${checkpointSize - 1}${after > 0 ? `, ${after} since` : ""}`;
}

function VerifiedWords({ verification, nowMs }: { verification: Verification; nowMs: number }) {
  const { verified, records, toSeq, at, words } = verification;
  return (
    <span class={verified ? "good-words" : "bad-words"}>
      {verified ? `up to #${toSeq ?? "–"}, ${records} records` : "broken"}, at <Time at={at} nowMs={nowMs} />
      {verified && words !== "" && <span class="fine"> ({words})</span>}
    </span>
  );
}
