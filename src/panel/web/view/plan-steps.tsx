/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import type { Command } from "../live/commander.ts";
import { subjectOf } from "../live/commander.ts";
import type { Session } from "../live/session.ts";
import type { Attempt, PanelState } from "../live/store.ts";
import type { PlanProgress, PlanStage, PlanStep, Staging } from "../state/staging.ts";
import { planProgress, planStage, stagingOf } from "../state/staging.ts";
import { wordOf } from "../state/words.ts";
import type { Plan } from "../state/work.ts";
import { AttemptProblem, CommandButton } from "./command-button.tsx";
import { fieldText } from "./field-text.ts";
import { useInView } from "./into-view.ts";
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
  const commands = [prepare, apply, enqueue];
  const progress = planProgress(
    plan.id,
    state.jobs,
    commands.flatMap((command) => stepTaken(state, command) ?? []),
  );
  const stage = planStage(plan.status, progress, state.statusAskedMs);
  const { step } = progress;
  const staging = stage === "staged" && step?.result ? stagingOf(step.result) : undefined;
  const words = stageWords(stage, plan.status, state.jobsAt !== "");
  const next = useInView(acceptedOf(state, apply));
  return (
    <>
      <div class="row-actions" ref={next}>
        {stage === "applied" && (
          <CommandButton
            key="enqueue"
            session={session}
            state={state}
            command={enqueue}
            label="Enqueue"
            about={wordOf(plan.id)}
            icon="play"
            class="primary"
          />
        )}
        <CommandButton
          key="prepare"
          session={session}
          state={state}
          command={prepare}
          label={stage === "new" ? "Prepare" : "Prepare again"}
          about={wordOf(plan.id)}
          icon="play"
        />
      </div>
      <div class="plan-steps">
        {staging && (
          <Staged
            // Another nonce is another field: what was typed into the one before is not for this.
            key={staging.nonce}
            session={session}
            state={state}
            plan={plan}
            staging={staging}
            inDoubt={isInDoubt(state, apply, progress)}
            prepared={acceptedOf(state, prepare)}
          />
        )}
        {!staging && words !== "" && <p class="fine">{words}</p>}
        {commands.map((command) => (
          <AttemptProblem key={command.action} session={session} state={state} command={command} />
        ))}
      </div>
    </>
  );
}

function stepTaken(state: PanelState, command: Command): PlanStep | undefined {
  const { answer, endedMs = 0 } = state.attempts.get(subjectOf(command)) ?? {};
  return answer && { jobId: answer.jobId, action: command.action, endedMs, result: answer.result };
}

function acceptedOf(state: PanelState, command: Command): Attempt | undefined {
  const attempt = state.attempts.get(subjectOf(command));
  return attempt?.phase === "accepted" ? attempt : undefined;
}

function isInDoubt(state: PanelState, command: Command, { inDoubt }: PlanProgress): boolean {
  const attempt = state.attempts.get(subjectOf(command));
  return inDoubt || attempt?.earlierInDoubt === true || attempt?.problem?.retry === "same-key";
}

/** What the plan's own word, beside its title, does not say. */
function stageWords(stage: PlanStage, word: string | undefined, isListed: boolean): string {
  if (stage === "staged" && isListed) {
    return "Staged, but not by one of the dispatches below: prepare it again to see what is staged, and its nonce.";
  }
  if (stage === "applied") return "Applied: its stories are in the catalogue, to be enqueued.";
  if (stage !== "enqueued" || word === "done") return "";
  return word === "running" ? "Enqueued: its stories wait or run." : "Enqueued: Podium has taken its stories.";
}

function storiesWord(count: number): string {
  return count === 1 ? "1 story" : `${count} stories`;
}

interface StagedProps extends Props {
  readonly staging: Staging;
  readonly inDoubt: boolean;
  /** By a press in this page. */
  readonly prepared: Attempt | undefined;
}

/** What Podium says it would do. */
function Staged({ session, state, plan, staging, inDoubt, prepared }: StagedProps) {
  const element = useInView(prepared);
  const [typed, setTyped] = useState<string | undefined>(undefined);
  const applyWith = (nonce: string): Command => ({ action: "apply_plan", plan_id: plan.id, nonce: nonce.trim() });
  const apply = applyWith(typed ?? staging.nonce ?? "");
  const submit = (event: Event): void => {
    event.preventDefault();
    void session.commander.run(applyWith(fieldText(event, "nonce")));
  };
  const count = staging.stories.length;
  const inputId = `nonce-${plan.id}`;
  return (
    <div class="staged" role="group" aria-label={`Staged: ${plan.id}`} ref={element}>
      <p>
        <strong>Staged.</strong>{" "}
        {inDoubt ? "Whether it was applied meanwhile is not known." : "Nothing has changed yet."}{" "}
        {count > 0 && `${storiesWord(count)} would be added:`}
      </p>
      {count > 0 && (
        <ul class="staged-stories" tabIndex={0} aria-label="Stories that would be added">
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
      <form class="dispatch" onSubmit={submit}>
        <label for={inputId}>Nonce</label>
        <input
          id={inputId}
          name="nonce"
          class="id"
          value={apply.nonce}
          onInput={(event: Event) => setTyped((event.target as HTMLInputElement).value)}
          {...plainField}
        />
        <CommandButton
          key="apply"
          session={session}
          state={state}
          command={apply}
          label={count > 0 ? `Apply ${storiesWord(count)}` : "Apply"}
          about={count > 0 ? `of ${wordOf(plan.id)}` : wordOf(plan.id)}
          icon="check"
          class="primary"
        />
      </form>
      {staging.expiresAt !== undefined && (
        <p class="fine">
          The nonce is good until <Time at={staging.expiresAt} nowMs={state.nowMs} />.
        </p>
      )}
    </div>
  );
}
