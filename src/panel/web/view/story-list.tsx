/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import type { Story } from "../state/work.ts";
import { isUnderWay } from "../state/work.ts";
import { shortJob, wordOf } from "../state/words.ts";
import { AttemptProblem, CommandButton } from "./command-button.tsx";
import { Freshness, unread } from "./freshness.tsx";
import { Newcomers, useHeld } from "./held-list.tsx";
import { reachable } from "./room.ts";
import { Status } from "./status.tsx";
import { Id, Text } from "./text.tsx";

/** Rows drawn at once; the search reaches the rest. */
const rowsShown = 60;

/** The catalogue as Podium reports it, each row with its own play button. Podium alone judges what may run. */
export function StoryList({ session, state }: { session: Session; state: PanelState }) {
  const [count, setCount] = useState(rowsShown);
  const found = search([...state.work.stories.values()], state.search);
  const held = useHeld(found, ({ id }) => id, { wish: state.search, shown: count });
  return (
    <section class="card" aria-labelledby="stories-title">
      <header>
        <h2 id="stories-title">Stories</h2>
        <Freshness state={state} />
        <Newcomers held={held} noun={held.waiting === 1 ? "story" : "stories"} />
      </header>
      <input
        id="search"
        type="search"
        aria-label="Search stories"
        placeholder="Search stories  /"
        value={state.search}
        onInput={(event: Event) => session.store.set({ search: (event.target as HTMLInputElement).value })}
        onKeyDown={(event: KeyboardEvent) => event.key === "Escape" && session.store.set({ search: "" })}
        autocomplete="off"
      />
      <div class="room stories-room" {...reachable(state, "Stories")} {...held.hold}>
        <ul class="rows" aria-label="Stories">
          {held.rows.map(({ item }) => (
            // One that fits the search no longer is told as it is now, not as it was when it did.
            <StoryRow key={item.id} session={session} state={state} story={state.work.stories.get(item.id) ?? item} />
          ))}
        </ul>
        {held.rows.length === 0 && <p class="empty">{emptyWords(state)}</p>}
        {held.more > 0 && (
          <button type="button" class="quiet" onClick={() => setCount(count + rowsShown)}>
            {held.more} more
          </button>
        )}
      </div>
    </section>
  );
}

function emptyWords(state: PanelState): string {
  if (state.search !== "" && state.work.stories.size > 0) return "No story fits the search.";
  return unread(state) ?? "Podium names no stories in its status. One can still be run by its id above.";
}

function search(stories: readonly Story[], typed: string): Story[] {
  const words = typed
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  const text = ({ id, title, status, queue }: Story): string => [id, title, status, queue].join(" ").toLowerCase();
  return stories.filter((story) => words.every((word) => text(story).includes(word)));
}

/**
 * The buttons have keys: without them the renderer would make the Run button that is being pressed into the Cancel
 * button that appears, and a second press of Enter would cancel what the first has started.
 */
function StoryRow({ session, state, story }: { session: Session; state: PanelState; story: Story }) {
  const { id, title, status } = story;
  const run = { action: "enqueue_story", story_id: id } as const;
  const cancel = { action: "cancel_story", story_id: id } as const;
  const job = state.jobs.find((one) => one.storyId === id);
  return (
    <li class="row story">
      <Status word={status} />
      <div class="row-words">
        <div class="row-title">{title === undefined ? <Id id={id} /> : <Text text={title} />}</div>
        <div class="fine meta">
          {title !== undefined && <Id id={id} />}
          {story.queue !== undefined && <Text text={story.queue} chars={32} />}
          {story.dependencies.length > 0 && <span>needs {story.dependencies.length}</span>}
          {job && (
            <a href={`#/audit/${job.auditId}`} title={job.jobId}>
              {shortJob(job.jobId)}
            </a>
          )}
          {story.message !== undefined && <Text text={story.message} chars={96} />}
        </div>
      </div>
      <div class="row-actions">
        {isUnderWay(status) && (
          <CommandButton
            session={session}
            state={state}
            key="cancel"
            command={cancel}
            place="stories"
            label={`Cancel ${wordOf(id)}`}
            icon="stop"
            compact
          />
        )}
        <CommandButton
          session={session}
          state={state}
          key="run"
          command={run}
          place="stories"
          label={`Run ${wordOf(id)}`}
          icon="play"
          compact
        />
      </div>
      <AttemptProblem key="run" session={session} state={state} command={run} place="stories" />
      <AttemptProblem key="cancel" session={session} state={state} command={cancel} place="stories" />
    </li>
  );
}
