/** @jsxImportSource hono/jsx/dom */
import type { Command } from "../live/commander.ts";
import { subjectOf } from "../live/commander.ts";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { AttemptProblem, CommandButton, replayedWords } from "./command-button.tsx";
import { placeOf } from "./attempt-place.ts";
import { actionWord } from "../state/words.ts";
import { Id } from "./text.tsx";
import { plainField } from "./plain-field.ts";

/** A story by its id. Enter is the button; spaces around the id are nobody's intention. */
export function DispatchForm({ session, state }: { session: Session; state: PanelState }) {
  return (
    <section class="card" aria-labelledby="dispatch-title">
      <h2 id="dispatch-title">Dispatch</h2>
      {state.client.mayDispatch ? <StoryForm session={session} state={state} /> : <ViewerWords state={state} />}
    </section>
  );
}

function ViewerWords({ state }: { state: PanelState }) {
  return (
    <p>
      The token of <b>{state.client.name}</b> may only read (role viewer): nothing can be dispatched or halted with it.
      To do that, sign out and sign in with an admin's token.
    </p>
  );
}

function StoryForm({ session, state }: { session: Session; state: PanelState }) {
  const commandOf = (typed: string): Command => ({ action: "enqueue_story", story_id: typed.trim() });
  const command = commandOf(state.storyId);
  const submit = (event: Event): void => {
    event.preventDefault();
    // The field as it is, and not as it was drawn last: Enter may follow the last letter within the same moment.
    void session.commander.run(commandOf(session.store.state.storyId), "form");
  };
  return (
    <div class="story-form">
      <form class="dispatch" onSubmit={submit}>
        <label for="story-id">Story</label>
        <input
          id="story-id"
          class="id"
          value={state.storyId}
          onInput={(event: Event) => session.store.set({ storyId: (event.target as HTMLInputElement).value })}
          placeholder="STORY-001"
          {...plainField}
          list="story-ids"
        />
        <CommandButton
          session={session}
          state={state}
          command={command}
          place="form"
          label="Run"
          icon="play"
          class="primary"
        />
        <StoryIds state={state} />
      </form>
      <Answer session={session} state={state} command={command} />
      <Strangers session={session} state={state} command={command} />
    </div>
  );
}

/** More ids than this make a slow list that nobody scrolls. */
const idsOffered = 200;

function StoryIds({ state }: { state: PanelState }) {
  const ids = [...state.work.stories.keys()].slice(0, idsOffered);
  return (
    <datalist id="story-ids">
      {ids.map((id) => (
        <option key={id} value={id} />
      ))}
    </datalist>
  );
}

interface FormProps {
  readonly session: Session;
  readonly state: PanelState;
  /** What the form would send now. */
  readonly command: Command;
}

/** Messages about stories that have no row, and no longer stand in the form either: each with the name of its story. */
function Strangers({ session, state, command }: FormProps) {
  const typed = subjectOf(command);
  const attempts = [...state.attempts].filter(([subject, attempt]) => {
    const { story_id } = attempt.command;
    const isTold = attempt.phase === "failed" || attempt.answer?.replayed === true;
    return story_id !== undefined && isTold && subject !== typed && placeOf(attempt, story_id, state) === "form";
  });
  return (
    <>
      {attempts.map(([subject, { command: pressed }]) => (
        <div key={subject}>
          {actionWord(pressed.action)} <Id id={pressed.story_id ?? ""} />
          <AttemptProblem session={session} state={state} command={pressed} place="form" />
        </div>
      ))}
    </>
  );
}

/** The place under the form is kept, so that an answer moves nothing. */
function Answer({ session, state, command }: FormProps) {
  const attempt = state.attempts.get(subjectOf(command));
  const isHere = attempt !== undefined && placeOf(attempt, command.story_id ?? "", state) === "form";
  if (isHere && attempt.phase === "failed") {
    return <AttemptProblem session={session} state={state} command={command} place="form" />;
  }
  const { answer } = attempt ?? {};
  if (!answer || (answer.replayed && !isHere))
    return <p class="answer fine">Type a story's id, or press play beside a story below.</p>;
  return (
    <p class="answer" role="status">
      {answer.replayed ? replayedWords : "Recorded and accepted:"}{" "}
      <a href={`#/audit/${answer.auditId}`}>{answer.jobId}</a>
    </p>
  );
}
