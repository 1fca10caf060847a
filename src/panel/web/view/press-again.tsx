/** @jsxImportSource hono/jsx/dom */
import { useEffect, useState } from "hono/jsx/dom";
import { clock } from "../state/words.ts";

/** When a button can be pressed again: counted down for the eye. Who listens hears the time of day instead, and once. */
export function PressAgain({ atMs }: { atMs: number }) {
  const [, tick] = useState(0);
  const leftS = Math.max(0, Math.ceil((atMs - Date.now()) / 1000));
  const isOver = leftS === 0;
  useEffect(() => {
    if (isOver) return undefined;
    const timer = setInterval(() => tick(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, [atMs, isOver]);
  return (
    <span>
      Press again <span aria-hidden="true">{isOver ? "now" : `in ${leftS} s`}</span>
      <span class="unseen">at {clock.format(atMs)}</span>.
    </span>
  );
}
