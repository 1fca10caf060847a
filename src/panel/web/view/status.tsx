/** @jsxImportSource hono/jsx/dom */
import { beginning, visibleText } from "../state/words.ts";

/** Words of Podium's vocabulary and ours, by what they mean to the eye; an unknown word stays grey. */
const tones: Readonly<Record<string, string>> = {
  in_progress: "run",
  running: "run",
  busy: "run",
  queued: "wait",
  pending: "wait",
  blocked: "wait",
  staged: "wait",
  done: "good",
  completed: "good",
  applied: "good",
  answered: "good",
  up: "good",
  failed: "bad",
  rejected: "bad",
  invalid: "bad",
  down: "bad",
  unknown: "doubt",
  degraded: "doubt",
};
const wordCharsMax = 24;

/** The orchestrator's own word, whatever it is. */
export function Status({ word }: { word: string | undefined }) {
  if (word === undefined) return <span class="status">–</span>;
  const visible = visibleText(word).replaceAll("_", " ");
  return (
    <span class={`status ${tones[word] ?? ""}`} title={visible}>
      <bdi>{beginning(visible, wordCharsMax) ?? visible}</bdi>
    </span>
  );
}
