/** @jsxImportSource hono/jsx/dom */
import { useRef, useState } from "hono/jsx/dom";
import type { HeldRow } from "../state/held.ts";
import { heldRows } from "../state/held.ts";

interface Held<T> {
  readonly rows: readonly HeldRow<T>[];
  readonly waiting: number;
  /** Lets the list go on to how it is now. */
  readonly release: () => void;
  /** For the element that the rows and {@link Newcomers} stand in. */
  readonly hold: {
    readonly onPointerEnter: (event: PointerEvent) => void;
    readonly onPointerLeave: () => void;
    readonly onFocusIn: (event: FocusEvent) => void;
    readonly onFocusOut: (event: FocusEvent) => void;
  };
}

/**
 * Keeps a list still while a pointer is over it or the keyboard is in it: no button moves away, and none comes under a
 * finger that was meant for another.
 * @param wish what its reader asked of the list: when that changes, the list follows at once
 */
export function useHeld<T>(items: readonly T[], keyOf: (item: T) => string, wish = ""): Held<T> {
  const [by, setBy] = useState({ pointer: false, keyboard: false });
  const [, redraw] = useState(0);
  const held = useRef<{ wish: string; rows: ReadonlyMap<string, T> }>({ wish, rows: new Map() });
  const isHeld = (by.pointer || by.keyboard) && held.current?.wish === wish;
  const { rows, waiting } = heldRows(isHeld ? held.current.rows : new Map<string, T>(), items, keyOf);
  held.current = { wish, rows: new Map(rows.map(({ item }) => [keyOf(item), item])) };
  const release = (): void => {
    held.current = { wish, rows: new Map() };
    redraw((count) => count + 1);
  };
  const hold = {
    // A finger is over a list only while it presses: it leaves with the press.
    onPointerEnter: () => setBy((now) => ({ ...now, pointer: true })),
    onPointerLeave: () => setBy((now) => ({ ...now, pointer: false })),
    // After a click the focus stays as well, but nobody aims with it.
    onFocusIn: ({ target }: FocusEvent) =>
      setBy((now) => ({ ...now, keyboard: target instanceof Element && target.matches(":focus-visible") })),
    onFocusOut: ({ currentTarget, relatedTarget }: FocusEvent) => {
      const stays =
        currentTarget instanceof Node && relatedTarget instanceof Node && currentTarget.contains(relatedTarget);
      if (!stays) setBy((now) => ({ ...now, keyboard: false }));
    },
  };
  return { rows, waiting, release, hold };
}

/** What waits, in the list's header, where its coming moves nothing. */
export function Newcomers({ held, noun }: { held: { waiting: number; release: () => void }; noun: string }) {
  const { waiting, release } = held;
  const show = ({ currentTarget }: Event): void => {
    // The button goes, and whoever pressed it goes on from its place.
    if (currentTarget instanceof Element) currentTarget.closest<HTMLElement>(".newcomers")?.focus();
    release();
  };
  return (
    <span class="newcomers" role="status" tabIndex={-1}>
      {waiting > 0 && (
        <button type="button" class="small" onClick={show}>
          {waiting} new<span class="unseen"> {noun}: show</span>
        </button>
      )}
    </span>
  );
}
