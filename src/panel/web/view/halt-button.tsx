/** @jsxImportSource hono/jsx/dom */
import { useRef, useState } from "hono/jsx/dom";
import type { Session } from "../live/session.ts";
import type { PanelState } from "../live/store.ts";
import { secondsSince, timeWords } from "../state/words.ts";
import { Icon } from "./icon.tsx";
import { ProblemNote } from "./problem-note.tsx";
import { Text } from "./text.tsx";

/** Longer than any slip, shorter than fear; the ring's transition in the style sheet takes the same time. */
const holdMs = 1_000;
/** What was begun is meant for now: an Enter long after it is another one's first. */
const gestureMs = 8_000;
const subject = "halt ";

type Gesture = "idle" | "holding" | "confirm" | "hint";

/** The stop, and what there is to know about it. */
export function HaltControl({ session, state }: { session: Session; state: PanelState }) {
  const { mayDispatch, name = "" } = state.client;
  return (
    <div class="halt-place">
      {mayDispatch ? (
        <HaltButton session={session} state={state} />
      ) : (
        <button type="button" id="halt" class="halt" aria-disabled="true" aria-describedby="halt-help">
          Halt
        </button>
      )}
      <p id="halt-help" class="unseen">
        {mayDispatch
          ? "Stops everything. Hold for one second, or press Enter and confirm with Enter again."
          : `The token of ${name} may only read; an admin halts.`}
      </p>
    </div>
  );
}

/** How far the stop has been begun; what waits for a second press goes back by itself. */
function useGesture(): [Gesture, (next: Gesture) => void] {
  const [gesture, setGesture] = useState<Gesture>("idle");
  const expiry = useRef<ReturnType<typeof setTimeout> | null>(null);
  const turn = (next: Gesture): void => {
    clearTimeout(expiry.current ?? undefined);
    if (next === "confirm" || next === "hint") expiry.current = setTimeout(() => setGesture("idle"), gestureMs);
    setGesture(next);
  };
  return [gesture, turn];
}

/** The stop: held with a pointer, or pressed and confirmed with the keyboard. Always there, whatever else hangs. */
function HaltButton({ session, state }: { session: Session; state: PanelState }) {
  const [gesture, turn] = useGesture();
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const isSending = state.attempts.get(subject)?.phase === "sending";
  const rest = (next: Gesture): void => {
    clearTimeout(timer.current ?? undefined);
    timer.current = null;
    turn(next);
  };
  const letGo = (next: Gesture) => (): void => {
    if (timer.current !== null) rest(next);
  };
  const hold = (event: PointerEvent): void => {
    if (event.button !== 0 || timer.current !== null) return;
    // A finger belongs to what it came down on, wherever it goes, unless that lets go of it.
    const under = event.target as Element;
    if (under.hasPointerCapture(event.pointerId)) under.releasePointerCapture(event.pointerId);
    turn("holding");
    timer.current = setTimeout(() => {
      timer.current = null;
      turn("idle");
      session.halt();
    }, holdMs);
  };
  // A click without a pointer comes from the keyboard or from an aid: it asks once more.
  const click = (event: MouseEvent): void => {
    if (event.detail !== 0) return;
    turn(gesture === "confirm" ? "idle" : "confirm");
    if (gesture === "confirm") session.halt();
  };
  const key = (event: KeyboardEvent): void => {
    if (event.key === "Escape") rest("idle");
    // A key that is held down repeats: that would be its own confirmation.
    if (event.repeat) event.preventDefault();
  };
  return (
    <button
      type="button"
      id="halt"
      class={`halt ${gesture}`}
      aria-describedby="halt-help"
      onPointerDown={hold}
      onPointerUp={letGo("hint")}
      onPointerLeave={letGo("idle")}
      onPointerCancel={letGo("idle")}
      onContextMenu={(event: Event) => event.preventDefault()}
      onClick={click}
      onKeyDown={key}
      onBlur={() => rest("idle")}
    >
      <svg class="ring" viewBox="0 0 24 24" aria-hidden="true">
        <circle cx="12" cy="12" r="10" />
        <circle class="ring-fill" cx="12" cy="12" r="10" pathLength="1" />
        <path d="M8.5 8.5h7v7h-7z" />
      </svg>
      <span class="halt-words" aria-live="assertive">
        {isSending ? <Sending state={state} /> : "Halt"}{" "}
        {!isSending && hints[gesture] && <small>{hints[gesture]}</small>}
      </span>
    </button>
  );
}

/** A second line under its word, inside its size: a button that grew would move from under the finger that holds it. */
const hints: Readonly<Record<Gesture, string>> = {
  idle: "",
  holding: "keep holding",
  confirm: "press again",
  hint: "hold 1 second",
};

/** Its seconds are counted for the eye: who listens would hear nothing else. */
function Sending({ state }: { state: PanelState }) {
  const seconds = secondsSince(state.attempts.get(subject)?.startedMs ?? state.nowMs, state.nowMs);
  return (
    <span>
      Halting<span aria-hidden="true">{seconds < 1 ? "…" : ` · ${seconds} s`}</span>
    </span>
  );
}

/** What became of the last halt, under the bar until it is put away. */
export function HaltNote({ session, state }: { session: Session; state: PanelState }) {
  const attempt = state.attempts.get(subject);
  const dismiss = (): void => session.commander.dismiss(subject);
  if (attempt?.problem) {
    return <ProblemNote problem={attempt.problem} isCommand isHalt attempt={attempt} onDismiss={dismiss} />;
  }
  if (!attempt?.answer) return null;
  const { result, jobId, auditId } = attempt.answer;
  const said = typeof result["message"] === "string" ? result["message"] : "Podium took the halt";
  const at = timeWords(new Date(attempt.endedMs ?? 0).toISOString(), state.nowMs);
  return (
    <div class="note note-good" role="status">
      <div class="note-words">
        <strong>Halted at {at}.</strong> <Text text={said} />{" "}
        <a href={`#/audit/${auditId}`} class="fine">
          {jobId}
        </a>
      </div>
      <button type="button" class="quiet icon-only" aria-label="Put this message away" onClick={dismiss}>
        <Icon name="close" />
      </button>
    </div>
  );
}
