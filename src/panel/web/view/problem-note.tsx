/** @jsxImportSource hono/jsx/dom */
import type { PlainProblem } from "../api/requests.ts";
import type { Attempt } from "../live/store.ts";
import { problemWords } from "../state/problem-words.ts";
import { clock } from "../state/words.ts";
import { Icon } from "./icon.tsx";
import { useInView } from "./into-view.ts";
import { PressAgain } from "./press-again.tsx";
import { Text } from "./text.tsx";

interface ProblemNoteProps {
  readonly problem: PlainProblem;
  /** A command that failed, and not a read: says whether it ran. */
  readonly isCommand?: boolean;
  readonly isHalt?: boolean;
  readonly earlierInDoubt?: boolean | undefined;
  /** The button that repeats it, where nothing does so by itself. */
  readonly button?: string;
  /** What to do, where the code alone does not tell. */
  readonly remedy?: string;
  /** What it came of, where that was a press in this page. */
  readonly attempt?: Attempt;
  /** What holds by now, when its cause has gone. */
  readonly past?: string | undefined;
  readonly onDismiss?: () => void;
}

/** An error where it happened, until its reader puts it away: what happened, whether it ran, what to do. */
export function ProblemNote(props: ProblemNoteProps) {
  const {
    problem,
    isCommand = false,
    isHalt = false,
    earlierInDoubt = false,
    button,
    remedy: known,
    attempt,
    past,
    onDismiss,
  } = props;
  const { endedMs = 0 } = attempt ?? {};
  const element = useInView(attempt);
  const { what, detail, ran, remedy, waitS } = problemWords(problem, { isCommand, isHalt, earlierInDoubt, button });
  const doubt = isCommand && (earlierInDoubt || problem.retry === "same-key");
  const tone = doubt ? "note-doubt" : past === undefined ? "note-bad" : "";
  return (
    <div class={`note ${tone}`} role={past === undefined ? "alert" : "note"} ref={element}>
      <div class="note-words">
        <strong>
          {what}
          {(isHalt || past !== undefined) && ` at ${clock.format(endedMs)}`}.
        </strong>{" "}
        <Text text={detail} />
        <p>
          {ran !== "" && (
            <>
              <b>{ran}</b>{" "}
            </>
          )}
          {waitS !== undefined && past === undefined && (
            <>
              <PressAgain atMs={endedMs + waitS * 1000} />{" "}
            </>
          )}
          {past === undefined ? (known ?? remedy) : `${past}: press again when you like.`}
        </p>
        <p class="fine">
          {problem.code}
          {problem.jobId !== undefined && ` · ${problem.jobId}`}
          {problem.auditId !== undefined && <RecordLink auditId={problem.auditId} />}
        </p>
      </div>
      {onDismiss && (
        <button type="button" class="quiet icon-only" aria-label="Put this message away" onClick={onDismiss}>
          <Icon name="close" />
        </button>
      )}
    </div>
  );
}

function RecordLink({ auditId }: { auditId: string }) {
  return (
    <span>
      {" · "}
      <a href={`#/audit/${auditId}`}>its records</a>
    </span>
  );
}
