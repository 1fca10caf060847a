/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import type { Agent, QueueEntry } from "../state/work.ts";
import { isHalted } from "../state/work.ts";
import { wordOf } from "../state/words.ts";
import { CommandButton } from "./command-button.tsx";
import { Freshness, unread } from "./freshness.tsx";
import { Status } from "./status.tsx";
import { Id, Text, Time } from "./text.tsx";

interface Props {
  readonly session: Session;
  readonly state: PanelState;
}

/** What runs this moment, and on whom. */
export function NowCard({ session, state }: Props) {
  const { running, agents, stories } = state.work;
  const busy = new Set(agents.flatMap(({ storyId }) => storyId ?? []));
  const alone = running.filter((id) => !busy.has(id));
  return (
    <section class="card" aria-labelledby="now-title">
      <header>
        <h2 id="now-title">Now</h2>
        <Freshness state={state} />
      </header>
      {isHalted(state.work) && (
        <p class="note note-doubt" role="status">
          <span class="note-words">
            <strong>The orchestrator is {wordOf(state.work.state ?? "", 24)}.</strong> What waits in the queue stays
            there. Starting it again is done at the orchestrator itself: this door has no command for it.
          </span>
        </p>
      )}
      <ul class="rows" aria-label="Agents">
        {agents.map((agent) => (
          <AgentRow key={agent.id} session={session} state={state} agent={agent} />
        ))}
        {alone.map((id) => (
          <li class="row agent" key={id}>
            <Status word="running" />
            <div class="row-words">
              <div class="row-title">{<Text text={stories.get(id)?.title ?? id} />}</div>
              <div class="fine meta">
                <Id id={id} />
              </div>
            </div>
          </li>
        ))}
      </ul>
      {agents.length === 0 && alone.length === 0 && <p class="empty">{unread(state) ?? idleWords(state)}</p>}
    </section>
  );
}

function idleWords({ work: { known } }: PanelState): string {
  if (known.has("running") || known.has("agents")) return "Nothing runs, and no agents are named.";
  return "Podium tells neither what runs nor its agents.";
}

function AgentRow({ session, state, agent }: Props & { agent: Agent }) {
  const { id, name, status, storyId, since, progress } = agent;
  const story = storyId === undefined ? undefined : state.work.stories.get(storyId);
  const cancel = storyId === undefined ? undefined : ({ action: "cancel_story", story_id: storyId } as const);
  return (
    <li class="row agent">
      <Status word={status} />
      <div class="row-words">
        <div class="row-title">
          <Text text={storyId === undefined ? (name ?? id) : (story?.title ?? storyId)} chars={96} />
        </div>
        <div class="fine meta">
          {storyId === undefined ? <span>waiting for work</span> : <Id id={storyId} />}
          {storyId !== undefined && <Text text={name ?? id} chars={32} />}
          {since !== undefined && (
            <span>
              since <Time at={since} nowMs={state.nowMs} />
            </span>
          )}
        </div>
        {storyId !== undefined && <Progress percent={progress} label={`Progress of ${wordOf(storyId)}`} />}
      </div>
      <div class="row-actions">
        {cancel && (
          <CommandButton
            session={session}
            state={state}
            command={cancel}
            label={`Cancel ${wordOf(storyId ?? "")}`}
            icon="stop"
            compact
          />
        )}
      </div>
    </li>
  );
}

function Progress({ percent, label }: { percent: number | undefined; label: string }) {
  if (percent === undefined) return <div class="progress unknown" aria-hidden="true" />;
  return (
    <progress class="progress" max="100" value={String(Math.round(percent))} aria-label={label}>
      {Math.round(percent)} %
    </progress>
  );
}

/** Entries drawn; the number beside the title counts all. */
const entriesShown = 12;

/** What waits, in the orchestrator's order. */
export function QueueCard({ session, state }: Props) {
  const { queue, known } = state.work;
  const isKnown = known.has("queue");
  return (
    <section class="card" aria-labelledby="queue-title">
      <header>
        <h2 id="queue-title">Queue {isKnown && <span class="count">{queue.length}</span>}</h2>
        <Freshness state={state} />
      </header>
      <div class="queue-room">
        <ol class="rows" aria-label="Queue">
          {queue.slice(0, entriesShown).map((entry) => (
            <EntryRow key={entry.id} session={session} state={state} entry={entry} />
          ))}
        </ol>
        {queue.length === 0 && (
          <p class="empty in-row">
            {unread(state) ?? (isKnown ? "Nothing waits." : "Podium does not tell its queue.")}
          </p>
        )}
        {queue.length > entriesShown && <p class="fine">and {queue.length - entriesShown} more</p>}
      </div>
    </section>
  );
}

function EntryRow({ session, state, entry }: Props & { entry: QueueEntry }) {
  const { id, status, queue, since, waitsFor } = entry;
  const title = state.work.stories.get(id)?.title;
  const run = { action: "enqueue_story", story_id: id } as const;
  const cancel = { action: "cancel_story", story_id: id } as const;
  return (
    <li class="row queue-entry">
      <Status word={status ?? "queued"} />
      <div class="row-words">
        <div class="row-title">{title === undefined ? <Id id={id} /> : <Text text={title} chars={96} />}</div>
        <div class="fine meta">
          {title !== undefined && <Id id={id} />}
          {queue !== undefined && <Text text={queue} chars={32} />}
          {since !== undefined && <Time at={since} nowMs={state.nowMs} />}
          {waitsFor.length > 0 && (
            <span>
              waits for{" "}
              {waitsFor
                .slice(0, 3)
                .map((one) => wordOf(one))
                .join(", ")}
            </span>
          )}
        </div>
      </div>
      <div class="row-actions">
        <CommandButton
          session={session}
          state={state}
          key="cancel"
          command={cancel}
          label={`Cancel ${wordOf(id)}`}
          icon="stop"
          compact
        />
        <CommandButton
          session={session}
          state={state}
          key="run"
          command={run}
          label={`Run ${wordOf(id)}`}
          icon="play"
          compact
        />
      </div>
    </li>
  );
}
