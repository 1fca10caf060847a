/** @jsxImportSource hono/jsx/dom */
import type { Command } from "../live/commander.ts";
import { isSettling, subjectOf } from "../live/commander.ts";
import type { Session } from "../live/session.ts";
import type { Attempt, PanelState, Place } from "../live/store.ts";
import { secondsSince } from "../state/words.ts";
import { isAimedAt } from "./aim.ts";
import { placeOf } from "./attempt-place.ts";
import type { IconName } from "./icon.tsx";
import { Icon } from "./icon.tsx";
import { useInView } from "./into-view.ts";
import { pastWords } from "./past.ts";
import { ProblemNote } from "./problem-note.tsx";

interface CommandButtonProps {
  readonly session: Session;
  readonly state: PanelState;
  readonly command: Command;
  /** Of a story's buttons: which of them this is. */
  readonly place?: Place;
  readonly label: string;
  /** What it is about, for who hears its name without what stands around it. */
  readonly about?: string;
  readonly icon: IconName;
  /** Only the icon is shown; the label is its name. */
  readonly compact?: boolean;
  readonly class?: string;
}

/**
 * A button that sends one command and says what has become of it. Never disabled: focus must not be lost. Who may only
 * read gets none; the page says why in the place of the first.
 */
export function CommandButton(props: CommandButtonProps) {
  const { session, state, command, place, label, about, icon, compact, class: extra } = props;
  if (!state.client.mayDispatch) return null;
  const attempt = state.attempts.get(subjectOf(command));
  const phase = attempt && attempt.phase !== "failed" && isSettling(attempt) ? attempt.phase : "idle";
  const words = attempt && phase !== "idle" ? phaseWords(attempt, state.nowMs) : label;
  const named = about === undefined ? label : `${label} ${about}`;
  const name = compact || about !== undefined ? (phase === "idle" ? named : `${named}: ${words}`) : null;
  const isTaken = phase === "accepted" && !attempt?.answer?.replayed;
  // The second click of a double click may meet another button than the first: a row has gone, the next one is there.
  const press = (event: MouseEvent): void => {
    if (event.detail < 2 && isAimedAt(event)) void session.commander.run(command, place);
  };
  return (
    <button
      type="button"
      class={`command ${compact ? "icon-only" : ""} ${phase} ${extra ?? ""}`}
      aria-label={name}
      aria-disabled={attempt && isSettling(attempt) ? "true" : null}
      {...(compact && { title: words })}
      onClick={press}
    >
      {phase === "sending" ? <span class="spinner" /> : <Icon name={isTaken ? "check" : icon} />}
      {!compact && <span>{words}</span>}
    </button>
  );
}

/** What a button says between its press and its answer; what is not known is not said. */
export function phaseWords({ phase, startedMs, answer }: Attempt, nowMs: number): string {
  if (phase === "accepted") return answer?.replayed ? "Had come through" : "Accepted";
  const seconds = secondsSince(startedMs, nowMs);
  return seconds < 1 ? "Sending…" : `Waiting · ${seconds} s`;
}

interface AttemptNoteProps {
  readonly session: Session;
  readonly state: PanelState;
  readonly command: Command;
  /** Of a story's: it stands here, or elsewhere. */
  readonly place?: Place;
}

/** Why it came to nothing, or started nothing, in its place. */
export function AttemptProblem({ session, state, command, place }: AttemptNoteProps) {
  const subject = subjectOf(command);
  const attempt = state.attempts.get(subject);
  if (attempt && place !== undefined && placeOf(attempt, command.story_id ?? "", state) !== place) return null;
  const dismiss = (): void => session.commander.dismiss(subject);
  if (attempt?.answer?.replayed) return <ReplayNote attempt={attempt} answer={attempt.answer} onDismiss={dismiss} />;
  if (attempt?.phase !== "failed" || !attempt.problem) return null;
  const { problem, earlierInDoubt } = attempt;
  const remedy = command.action === "cancel_story" && problem.retry === "same-key" && { remedy: cancelAgain };
  const past = pastWords(attempt, state);
  const facts = { problem, attempt, earlierInDoubt, past, onDismiss: dismiss, ...remedy };
  return <ProblemNote isCommand {...facts} />;
}

const cancelAgain = "Press again if it still waits or runs.";

interface ReplayNoteProps {
  readonly attempt: Attempt;
  readonly answer: NonNullable<Attempt["answer"]>;
  readonly onDismiss: () => void;
}

/** The answer to an earlier press: a tick alone would say that something has been started now. */
function ReplayNote({ attempt, answer: { jobId, auditId }, onDismiss }: ReplayNoteProps) {
  const element = useInView(attempt);
  return (
    <div class="note" role="status" ref={element}>
      <p class="note-words">
        {replayedWords} <a href={`#/audit/${auditId}`}>{jobId}</a>. Press again to send it anew.
      </p>
      <button type="button" class="quiet icon-only" aria-label="Put this message away" onClick={onDismiss}>
        <Icon name="close" />
      </button>
    </div>
  );
}

export const replayedWords = "An earlier press had come through, nothing more was started:";
