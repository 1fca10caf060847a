/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import type { Plan } from "../state/work.ts";
import { unread } from "./freshness.tsx";
import { Newcomers, useHeld } from "./held-list.tsx";
import { PlanSteps } from "./plan-steps.tsx";
import { Status } from "./status.tsx";
import { Id, Text } from "./text.tsx";
import { plainField } from "./plain-field.ts";

/** Rows drawn at once, as of the stories. */
const rowsShown = 20;

/** SKOREQ plans: those that Podium names, and any other by its id. */
export function PlanList({ session, state }: { session: Session; state: PanelState }) {
  const [typed, setTyped] = useState("");
  const [count, setCount] = useState(rowsShown);
  const known = state.work.plans;
  const strangers = pressedPlans(state).filter((id) => !known.some((plan) => plan.id === id));
  const plans: readonly Plan[] = [...strangers.map((id) => ({ id, stories: [] })), ...known];
  const held = useHeld(plans, ({ id }) => id, { wish: strangers.join(" "), shown: count });
  // With its step the box of a plan goes, and the pointer that pressed there stands outside: it has not left by itself.
  const { onPointerLeave: _, ...hold } = held.hold;
  const open = (event: Event): void => {
    event.preventDefault();
    const id = typed.trim();
    if (id === "") return;
    setTyped("");
    void session.commander.run({ action: "prepare_apply", plan_id: id });
  };
  return (
    <section class="card" aria-labelledby="plans-title" {...hold}>
      <header>
        <h2 id="plans-title">Plans</h2>
        <Newcomers held={held} noun={held.waiting === 1 ? "plan" : "plans"} />
      </header>
      {state.client.mayDispatch && (
        <form class="dispatch" onSubmit={open}>
          <label for="plan-id">Plan</label>
          <input
            id="plan-id"
            class="id"
            value={typed}
            onInput={(event: Event) => setTyped((event.target as HTMLInputElement).value)}
            placeholder="SKOREQ-XXX"
            {...plainField}
          />
          <button type="submit">Prepare</button>
        </form>
      )}
      <ul class="rows" aria-label="Plans">
        {held.rows.map(({ item: plan }) => (
          <li class="row plan" key={plan.id}>
            <Status word={plan.status} />
            <div class="row-words">
              <div class="row-title">{plan.title === undefined ? <Id id={plan.id} /> : <Text text={plan.title} />}</div>
              <div class="fine meta">
                {plan.title !== undefined && <Id id={plan.id} />}
                {plan.stories.length > 0 && <span>{plan.stories.length} stories</span>}
                {plan.error !== undefined && <Text text={plan.error} />}
              </div>
            </div>
            {state.client.mayDispatch && <PlanSteps session={session} state={state} plan={plan} />}
          </li>
        ))}
      </ul>
      {!state.client.mayDispatch && plans.length === 0 && (
        <p class="empty">{unread(state) ?? "Podium names no plans."}</p>
      )}
      {held.more > 0 && (
        <button type="button" class="quiet" onClick={() => setCount(count + rowsShown)}>
          {held.more} more
        </button>
      )}
    </section>
  );
}

/** Plans that somebody has pressed a step of in this page, the newest first: Podium need not know them. */
function pressedPlans({ attempts }: PanelState): string[] {
  return [...new Set([...attempts.values()].flatMap(({ command }) => command.plan_id ?? []))].toReversed();
}
