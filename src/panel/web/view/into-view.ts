import { useEffect, useRef } from "hono/jsx/dom";
import type { Attempt } from "../live/store.ts";

/** What is older was there before: a page that is turned to, or a row that a search brings back, moves nothing. */
const newsMs = 2_000;
const fields = "input, select, textarea";
/** When somebody last came to a field or typed into one. */
let fieldAtMs = 0;

/** Follows who is at the fields. */
export function watchFields(): void {
  const note = ({ target }: Event): void => {
    if (target instanceof Element && target.matches(fields)) fieldAtMs = Date.now();
  };
  for (const name of ["focusin", "input"]) document.addEventListener(name, note, { capture: true, passive: true });
}

function isTypingSince(startedMs: number): boolean {
  return fieldAtMs > startedMs && document.activeElement?.matches(fields) === true;
}

/**
 * Brings what an attempt came to into view, once and by no more than it takes: a message, or the next step, that appears
 * below the fold is none. Whoever has gone on to type elsewhere since the press is left alone.
 * @returns for the element that it is
 */
export function useInView(attempt: Attempt | undefined): { current: HTMLElement | null } {
  const element = useRef<HTMLElement>(null);
  const { startedMs = 0, endedMs = 0, fromLog = false } = attempt ?? {};
  useEffect(() => {
    if (fromLog || Date.now() - endedMs > newsMs || isTypingSince(startedMs)) return;
    const isCalm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    element.current?.scrollIntoView({ block: "nearest", behavior: isCalm ? "instant" : "smooth" });
  }, [endedMs]);
  return element;
}
