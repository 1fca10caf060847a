/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { AuditPage } from "./audit-page.tsx";
import { DispatchForm } from "./dispatch-form.tsx";
import { Header } from "./header.tsx";
import { Help } from "./help.tsx";
import { HourChart } from "./hour-chart.tsx";
import { JobList } from "./job-list.tsx";
import { NowCard, QueueCard } from "./now-card.tsx";
import { PlanList } from "./plan-list.tsx";
import { ServicesPage } from "./services-page.tsx";
import { StoryList } from "./story-list.tsx";
import { TokenForm } from "./token-form.tsx";

interface Props {
  readonly session: Session;
  readonly state: PanelState;
}

export function App({ session, state }: Props) {
  const stale = state.facts.gateway === "lost" || state.facts.gateway === "silent";
  return (
    <div class="app">
      <Header session={session} state={state} />
      <main class={stale ? "old" : ""}>
        <h1 class="unseen">{titles[state.page.name]}</h1>
        <PageBody session={session} state={state} />
      </main>
      <Help session={session} state={state} />
      <p class="unseen" aria-live="polite">
        {state.spoken}
      </p>
    </div>
  );
}

function PageBody({ session, state }: Props) {
  if (state.facts.tokenNeeded) return <TokenForm session={session} state={state} />;
  if (!state.ready) return null;
  if (state.page.name === "audit") return <AuditPage session={session} state={state} />;
  if (state.page.name === "services") return <ServicesPage state={state} />;
  return <OrchestratorPage session={session} state={state} />;
}

export const titles = { orchestrator: "Orchestrator", audit: "Audit", services: "Services" } as const;

function OrchestratorPage({ session, state }: Props) {
  return (
    <div class="columns">
      <div class="column">
        <DispatchForm session={session} state={state} />
        <StoryList session={session} state={state} />
      </div>
      {/* With the stories in reach of them; what comes and goes in it moves the chart and nothing else. */}
      <PlanList session={session} state={state} />
      <div class="column">
        <NowCard session={session} state={state} />
        <QueueCard session={session} state={state} />
        <JobList state={state} />
      </div>
      <HourChart state={state} />
    </div>
  );
}
