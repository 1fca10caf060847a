/** @jsxImportSource hono/jsx/dom */
import { useState } from "hono/jsx/dom";
import { beginning, momentMs, timeWords, visibleText } from "../state/words.ts";

/** Two lines on a telephone; the rest is one press away. */
const charsShown = 160;

/** A stranger's text: as text, in its own direction, in its place, however long. */
export function Text({ text, chars = charsShown }: { text: string; chars?: number }) {
  const [open, setOpen] = useState(false);
  const visible = visibleText(text);
  const short = beginning(visible, chars);
  if (short === undefined) return <bdi class="text">{visible}</bdi>;
  return (
    <span class="text-long">
      <bdi class={open ? "text text-all" : "text"}>{open ? visible : `${short}…`}</bdi>{" "}
      <button type="button" class="quiet small" aria-expanded={String(open)} onClick={() => setOpen(!open)}>
        {open ? "Less" : `All ${visible.length.toLocaleString("en")} characters`}
      </button>
    </span>
  );
}

/** An id in the type of ids; it may break anywhere. */
export function Id({ id }: { id: string }) {
  const visible = visibleText(id);
  return (
    <bdi class="id" title={visible}>
      {beginning(visible, charsShown) ?? visible}
    </bdi>
  );
}

export function Time({ at, nowMs }: { at: string | undefined; nowMs: number }) {
  if (at === undefined || at === "") return <span class="time">–</span>;
  const words = timeWords(at, nowMs);
  const ms = momentMs(at);
  if (Number.isNaN(ms)) return <bdi class="text">{words}</bdi>;
  return (
    <time class="time" dateTime={new Date(ms).toISOString()} title={at}>
      {words}
    </time>
  );
}
