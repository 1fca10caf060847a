/** @jsxImportSource hono/jsx/dom */
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import type { Agent, QueueEntry } from "../state/work.ts";
import { wordOf } from "../state/words.ts";
import { AttemptProblem, CommandButton } from "./command-button.tsx";
import { Freshness, unread } from "./freshness.tsx";
import { Newcomers, useHeld } from "./held-list.tsx";
import { reachable } from "./room.ts";
import { Status } from "./status.tsx";
import { Id, Text, Time } from "./text.tsx";

interface Props {
  readonly session: Session;
  readonly state: PanelState;
}

/** Agents drawn: more of them than anybody follows, few enough to draw anew with each word about one. */
const agentsShown = 24;

/** What runs this moment, and on whom. */
export function NowCard({ session, state }: Props) {
  const { running, agents } = state.work;
  const busy = new Set(agents.flatMap(({ storyId }) => storyId ?? []));
  const alone = running.filter((id) => !busy.has(id)).map((id): Agent => ({ id: "", status: "running", storyId: id }));
  // An agent with another story is another row: its button would cancel another story.
  const held = useHeld(workingFirst([...agents, ...alone]), ({ id, storyId }) => `${id} ${storyId ?? ""}`, {
    shown: agentsShown,
  });
  return (
    <section class="card" aria-labelledby="now-title" {...held.hold}>
      <header>
        <h2 id="now-title">Now</h2>
        <Freshness state={state} />
        <Newcomers held={held} noun="here" />
      </header>
      <div class={agents.length > 2 ? "room now-room for-many" : "room now-room"} {...reachable(state, "Now")}>
        <ul class="rows" aria-label="Agents">
          {held.rows.map(({ item, gone }) => (
            <AgentRow
              key={`${item.id} ${item.storyId ?? ""}`}
              session={session}
              state={state}
              agent={item}
              gone={gone}
            />
          ))}
        </ul>
        {held.rows.length === 0 && <p class="empty in-row">{unread(state) ?? idleWords(state)}</p>}
        {held.more > 0 && <p class="fine">and {held.more} more</p>}
      </div>
    </section>
  );
}

/** Where not all are drawn, no idle one takes the place of one that works; else they stand as Podium has them. */
function workingFirst(agents: readonly Agent[]): readonly Agent[] {
  if (agents.length <= agentsShown) return agents;
  const isWorking = ({ storyId }: Agent): boolean => storyId !== undefined;
  return [...agents.filter(isWorking), ...agents.filter((agent) => !isWorking(agent))];
}

function idleWords({ work: { known } }: PanelState): string {
  if (known.has("running") || known.has("agents")) return "Nothing runs, and no agents are named.";
  return "Podium tells neither what runs nor its agents.";
}

/** @param gone it stands there only to keep the others' places: what became of its story is told, not that it runs here */
function AgentRow({ session, state, agent, gone }: Props & { agent: Agent; gone: boolean }) {
  const { id, name, status, storyId, since, progress } = agent;
  const story = storyId === undefined ? undefined : state.work.stories.get(storyId);
  const cancel = storyId === undefined ? undefined : ({ action: "cancel_story", story_id: storyId } as const);
  return (
    <li class="row agent">
      <Status word={gone ? story?.status : status} />
      <div class="row-words">
        <div class="row-title">
          <Text text={storyId === undefined ? (name ?? id) : (story?.title ?? storyId)} chars={96} />
        </div>
        <div class="fine meta">
          {storyId === undefined ? <span>{gone ? "no longer idle" : "waiting for work"}</span> : <Id id={storyId} />}
          {storyId !== undefined && id !== "" && <Text text={name ?? id} chars={32} />}
          {storyId !== undefined && gone && <span>no longer here</span>}
          {since !== undefined && !gone && (
            <span>
              since <Time at={since} nowMs={state.nowMs} />
            </span>
          )}
        </div>
        {storyId !== undefined && !gone && <Progress percent={progress} label={`Progress of ${wordOf(storyId)}`} />}
      </div>
      <div class="row-actions">
        {cancel && (
          <CommandButton
            session={session}
            state={state}
            command={cancel}
            place="now"
            label={`Cancel ${wordOf(storyId ?? "")}`}
            icon="stop"
            compact
          />
        )}
      </div>
      {cancel && !gone && <AttemptProblem session={session} state={state} command={cancel} place="now" />}
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
  const held = useHeld(queue, ({ id }) => id, { shown: entriesShown });
  return (
    <section class="card" aria-labelledby="queue-title" {...held.hold}>
      <header>
        <h2 id="queue-title">Queue {isKnown && <span class="count">{queue.length}</span>}</h2>
        <Freshness state={state} />
        <Newcomers held={held} noun="in the queue" />
      </header>
      <div class="room queue-room" {...reachable(state, "Queue")}>
        <ol class="rows" aria-label="Queue">
          {held.rows.map(({ item, gone }) => (
            <EntryRow key={item.id} session={session} state={state} entry={item} gone={gone} />
          ))}
        </ol>
        {held.rows.length === 0 && (
          <p class="empty in-row">
            {unread(state) ?? (isKnown ? "Nothing waits." : "Podium does not tell its queue.")}
          </p>
        )}
        {held.more > 0 && <p class="fine">and {held.more} more</p>}
      </div>
    </section>
  );
}

/** @param gone it waits no longer, and stands there only to keep the others' places: its story's own word is told */
function EntryRow({ session, state, entry, gone }: Props & { entry: QueueEntry; gone: boolean }) {
  const { id, status = "queued", queue, since, waitsFor } = entry;
  const story = state.work.stories.get(id);
  const title = story?.title;
  // Until something newer is said of it, its story's word is that of the queue which it has left.
  const after = story?.status === status ? undefined : story?.status;
  const run = { action: "enqueue_story", story_id: id } as const;
  const cancel = { action: "cancel_story", story_id: id } as const;
  return (
    <li class="row queue-entry">
      <Status word={gone ? after : status} />
      <div class="row-words">
        <div class="row-title">{title === undefined ? <Id id={id} /> : <Text text={title} chars={96} />}</div>
        <div class="fine meta">
          {title !== undefined && <Id id={id} />}
          {queue !== undefined && <Text text={queue} chars={32} />}
          {gone && <span>no longer waits</span>}
          {since !== undefined && !gone && <Time at={since} nowMs={state.nowMs} />}
          {waitsFor.length > 0 && !gone && (
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
          place="queue"
          label={`Cancel ${wordOf(id)}`}
          icon="stop"
          compact
        />
        <CommandButton
          session={session}
          state={state}
          key="run"
          command={run}
          place="queue"
          label={`Run ${wordOf(id)}`}
          icon="play"
          compact
        />
      </div>
      {!gone && <AttemptProblem key="run" session={session} state={state} command={run} place="queue" />}
      {!gone && <AttemptProblem key="cancel" session={session} state={state} command={cancel} place="queue" />}
    </li>
  );
}
