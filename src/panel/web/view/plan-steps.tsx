/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import type { Command } from "../live/commander.ts";
import { subjectOf } from "../live/commander.ts";
import type { Session } from "../live/session.ts";
import type { Attempt, PanelState } from "../live/store.ts";
import type { Prepared, Staging } from "../state/staging.ts";
import { newestStaging, planStage } from "../state/staging.ts";
import type { Plan } from "../state/work.ts";
import { AttemptProblem, CommandButton } from "./command-button.tsx";
import { Id, Text, Time } from "./text.tsx";
import { plainField } from "./plain-field.ts";

interface Props {
  readonly session: Session;
  readonly state: PanelState;
  readonly plan: Plan;
}

/** prepare → what was staged, with its nonce → confirm: apply → enqueue. Each step waits for a hand. */
export function PlanSteps({ session, state, plan }: Props) {
  const prepare: Command = { action: "prepare_apply", plan_id: plan.id };
  const enqueue: Command = { action: "enqueue_plan", plan_id: plan.id };
  const apply: Command = { action: "apply_plan", plan_id: plan.id };
  const attempts = [prepare, apply, enqueue].map((command) => state.attempts.get(subjectOf(command)));
  const [prepared, applied, enqueued] = attempts.map(acceptedAt);
  const accepted = { prepare: prepared ?? 0, apply: applied ?? 0, enqueue: enqueued ?? 0 };
  const here = planStage(accepted, plan.status);
  const isStaged = here === "staged" || (here === "new" && plan.status === "staged");
  const staging = isStaged ? newestStaging(plan.id, state.jobs, preparedBy(attempts[0])) : undefined;
  // Somebody else has gone on with what was staged here.
  const stage = here === "staged" && !staging ? planStage({}, plan.status) : here;
  const isPrepared = stage !== "new" || plan.status === "staged";
  return (
    <>
      <div class="row-actions">
        {stage === "applied" && (
          <CommandButton
            key="enqueue"
            session={session}
            state={state}
            command={enqueue}
            label="Enqueue"
            icon="play"
            class="primary"
          />
        )}
        <CommandButton
          key="prepare"
          session={session}
          state={state}
          command={prepare}
          label={isPrepared ? "Prepare again" : "Prepare"}
          icon="play"
        />
      </div>
      <div class="plan-steps">
        {staging && <Staged session={session} state={state} plan={plan} staging={staging} />}
        {stage === "new" && isPrepared && !staging && (
          <p class="fine">Staged, but not through this door: prepare it again to see what is staged, and its nonce.</p>
        )}
        {stage === "enqueued" && accepted.enqueue > 0 && <p class="fine">Enqueued: its stories are in the queue.</p>}
        {stage === "applied" && (
          <p class="fine">Applied: its stories are in the catalogue, and none has been started.</p>
        )}
        {[prepare, apply, enqueue].map((command) => (
          <AttemptProblem key={command.action} session={session} state={state} command={command} />
        ))}
      </div>
    </>
  );
}

function acceptedAt(attempt: Attempt | undefined): number {
  return attempt?.phase === "accepted" ? (attempt.endedMs ?? 0) : 0;
}

function preparedBy(attempt: Attempt | undefined): Prepared | undefined {
  return attempt?.phase === "accepted" ? attempt.answer : undefined;
}

/** What Podium says it would do. Nothing has been changed yet. */
function Staged({ session, state, plan, staging }: Props & { staging: Staging }) {
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const nonce = (typed ?? staging.nonce ?? "").trim();
  const apply: Command = { action: "apply_plan", plan_id: plan.id, nonce };
  const count = staging.stories.length;
  const inputId = `nonce-${plan.id}`;
  return (
    <div class="staged" role="group" aria-label={`Staged: ${plan.id}`}>
      <p>
        <strong>Staged.</strong> Nothing has changed yet. {count > 0 && `${count} stories would be added:`}
      </p>
      {count > 0 && (
        <ul class="staged-stories">
          {staging.stories.map((story) => (
            <li key={story.id}>
              <Id id={story.id} /> {story.title !== undefined && <Text text={story.title} chars={96} />}
            </li>
          ))}
        </ul>
      )}
      <details>
        <summary>Podium's answer as it came</summary>
        <pre tabIndex={0}>
          <Text text={staging.json} chars={4000} />
        </pre>
      </details>
      <div class="dispatch">
        <label for={inputId}>Nonce</label>
        <input
          id={inputId}
          class="id"
          value={nonce}
          onInput={(event: Event) => setTyped((event.target as HTMLInputElement).value)}
          {...plainField}
        />
        <CommandButton
          key="apply"
          session={session}
          state={state}
          command={apply}
          label={count > 0 ? `Apply ${count} stories` : "Apply"}
          icon="check"
          class="primary"
        />
      </div>
      {staging.expiresAt !== undefined && (
        <p class="fine">
          The nonce is good until <Time at={staging.expiresAt} nowMs={state.nowMs} />.
        </p>
      )}
    </div>
  );
}
